# SPDX-License-Identifier: Apache-2.0
"""The page of commands says what the commands say."""

import subprocess
import sys
from pathlib import Path

from otelprov.cli.main import COMMANDS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_up_to_date():
    checked = subprocess.run(
        [sys.executable, str(DOCS / "generate_commands.py"), "--check"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_every_command_has_a_section():
    page = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"\n## otelprov {name}\n" not in page] == []
    assert "\n## otelprov imports unused\n" in page
