# SPDX-License-Identifier: Apache-2.0
"""One module per library: one class, one table of patches."""
