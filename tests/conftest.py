# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every test."""

from backend_processes import collector, jaeger, pytest_runtest_makereport  # noqa: F401
