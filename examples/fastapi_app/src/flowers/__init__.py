# SPDX-License-Identifier: Apache-2.0
"""Flowers that visitors have measured, compared with the iris data set."""
