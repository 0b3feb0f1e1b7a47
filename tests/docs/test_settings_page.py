# SPDX-License-Identifier: Apache-2.0
"""The page of settings has every setting, and every variable that the code reads is one or said to be internal."""

import re
import subprocess
import sys
from pathlib import Path

from otelprov.config import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "settings.md"


def test_the_page_is_up_to_date():
    checked = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate_settings.py"), "--check"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_every_variable_that_the_code_mentions_is_on_the_page():
    page = set(re.findall(r"`(OTELPROV_[A-Z_]+)`", PAGE.read_text(encoding="utf-8")))
    assert {setting.variable for setting in SETTINGS} <= page
    mentioned = {}
    for folder in ("src", "instrumentors"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for name in re.findall(r"\bOTELPROV_[A-Z_]+[A-Z]\b", file.read_text(encoding="utf-8")):
                mentioned.setdefault(name, str(file.relative_to(ROOT)))
    assert {name: file for name, file in mentioned.items() if name not in page} == {}


def test_every_variable_that_a_page_mentions_exists():
    known = {setting.variable for setting in SETTINGS} | {"OTELPROV_OWNER"}
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    # The configurations of the Collector have variables of their own.
    pages.remove(ROOT / "docs" / "how-to" / "collector-and-jaeger.md")
    wrong = [
        (page.name, name)
        for page in pages
        for name in re.findall(r"\bOTELPROV_[A-Z_]+[A-Z]\b", page.read_text(encoding="utf-8"))
        if name not in known
    ]
    assert wrong == []
