# SPDX-License-Identifier: Apache-2.0
"""Plain data that the other packages pass to each other."""
