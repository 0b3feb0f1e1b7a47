# SPDX-License-Identifier: Apache-2.0
"""Make the development environment: a venv with otelprov (editable), its extras and the test and lint tools, pinned.

Usage: python tools/setup_venv.py VENV
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINIMUM = (3, 11)


def main() -> int:
    """Create or complete the venv named on the command line."""
    if sys.version_info < MINIMUM:
        print(
            f"otelprov needs Python {MINIMUM[0]}.{MINIMUM[1]} or newer, this is {sys.version.split()[0]}",
            file=sys.stderr,
        )
        return 1
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").resolve()
    python = target / "bin" / "python"
    if not python.exists():
        venv.create(target, with_pip=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(ROOT / "constraints.txt")], check=True)
    # Everything it needs is there, with the versions and hashes of constraints.txt.
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], check=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
