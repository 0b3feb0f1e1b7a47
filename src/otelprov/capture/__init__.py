# SPDX-License-Identifier: Apache-2.0
"""Inside the observed process: what the program does, turned into ended spans."""
