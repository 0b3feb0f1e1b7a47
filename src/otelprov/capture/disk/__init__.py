# SPDX-License-Identifier: Apache-2.0
"""Files of this machine: opened, written, moved, digested."""
