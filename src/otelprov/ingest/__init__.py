# SPDX-License-Identifier: Apache-2.0
"""Bytes to spans: one module per source, all behind `contract.Source`."""
