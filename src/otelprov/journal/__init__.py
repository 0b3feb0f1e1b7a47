# SPDX-License-Identifier: Apache-2.0
"""The journal: append, read back line by line, ship."""
