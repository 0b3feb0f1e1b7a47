# SPDX-License-Identifier: Apache-2.0
"""All benchmarks, one after the other, each with its ratios; minutes on two cores.

Usage: python benchmarks/run.py [NAME ...]     (names are those of the files beside this one)
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ALL = {"startup": [], "imports": [], "journal": [], "span": [], "data": ["5"], "decode_extract": []}


def main() -> int:
    names = sys.argv[1:] or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    status = 0
    for name in names:
        started = time.monotonic()
        print(f"== {name}", flush=True)
        status |= subprocess.run([sys.executable, str(HERE / f"{name}.py"), *ALL[name]], check=False).returncode
        print(f"-- {name} took {time.monotonic() - started:.0f} s\n", flush=True)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
