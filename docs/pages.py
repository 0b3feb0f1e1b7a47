# SPDX-License-Identifier: Apache-2.0
"""What the scripts that generate pages share: write a page, or say that it is out of date."""

from __future__ import annotations

import sys
from pathlib import Path


def write_or_check(page: Path, text: str) -> int:
    """Write the page; with --check on the command line, return 1 where it is not what would be written."""
    if "--check" not in sys.argv[1:]:
        page.write_text(text, encoding="utf-8")
        return 0
    if page.exists() and page.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{page.name} is out of date: run python docs/{Path(sys.argv[0]).name}\n")
    return 1
