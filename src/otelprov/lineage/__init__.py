# SPDX-License-Identifier: Apache-2.0
"""Turns spans into facts, facts into edges, and questions into graphs."""
