# SPDX-License-Identifier: Apache-2.0
"""Graphs as text, and lineage as traces of a backend."""
