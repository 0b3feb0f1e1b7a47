# SPDX-License-Identifier: Apache-2.0
"""Which modules a process loads, from where, and who asked for them."""
