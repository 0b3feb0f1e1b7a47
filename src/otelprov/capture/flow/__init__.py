# SPDX-License-Identifier: Apache-2.0
"""Where objects in memory come from, from the read to the write."""
