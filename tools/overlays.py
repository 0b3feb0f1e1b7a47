# SPDX-License-Identifier: Apache-2.0
"""Other vendors' distros, each in a folder of its own that a test puts on PYTHONPATH.

Usage: python tools/overlays.py install VENV | lock UV

They can't share the development environment: each would change which distro is chosen there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "tests" / "overlays"
OVERLAYS = {
    "upstream": "opentelemetry-distro==0.66b1",
    "elastic": "elastic-opentelemetry==1.18.0",
    "splunk": "splunk-opentelemetry==2.13.2",
}
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def install(environment: Path) -> None:
    """Install each overlay into `VENV/overlays/NAME`, unless it is there already."""
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    for name in OVERLAYS:
        lock = LOCKS / f"{name}.txt"
        target = environment / "overlays" / name
        stamp = target / ".lock"
        if stamp.exists() and stamp.read_text() == lock.read_text():
            continue
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([*pip, "--require-hashes", "--no-deps", "--target", str(target), "-r", str(lock)], check=True)
        stamp.write_text(lock.read_text())


def lock(uv: str) -> None:
    """Write what each overlay needs beyond constraints.txt, with hashes."""
    constraints = ROOT / "constraints.txt"
    known = {match[1].lower() for match in _ENTRY.finditer(constraints.read_text())}
    LOCKS.mkdir(exist_ok=True)
    for name, wanted in OVERLAYS.items():
        command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
        command += ["--no-annotate", "--no-emit-index-url", "--no-header", "--prerelease", "allow"]
        command += ["--constraint", str(constraints), "-"]
        done = subprocess.run(command, input=wanted, text=True, capture_output=True, check=True)
        kept = [match[0] for match in _ENTRY.finditer(done.stdout) if match[1].lower() not in known]
        (LOCKS / f"{name}.txt").write_text("".join(kept))


def main() -> int:
    """Run the command line."""
    match sys.argv[1:]:
        case ["install", environment]:
            install(Path(environment).resolve())
        case ["lock", uv]:
            lock(uv)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
