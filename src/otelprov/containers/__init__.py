# SPDX-License-Identifier: Apache-2.0
"""Tracked containers: dict, list, set and objects that record every change, in the request that made it."""
