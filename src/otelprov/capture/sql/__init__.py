# SPDX-License-Identifier: Apache-2.0
"""Statements of databases, their texts, and what names in them mean."""
