# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of commands."""

from pathlib import Path

import pytest
from command_line import CommandLine


@pytest.fixture
def otelprov(tmp_path: Path) -> CommandLine:
    """The command line with an empty home."""
    return CommandLine(tmp_path / "home")
