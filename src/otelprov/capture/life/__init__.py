# SPDX-License-Identifier: Apache-2.0
"""The life of a run and of its processes: begun, joined, described, ended."""
