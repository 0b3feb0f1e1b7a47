# SPDX-License-Identifier: Apache-2.0
"""Readers and writers of tables: what they were given, and the columns."""
