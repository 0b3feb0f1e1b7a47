# SPDX-License-Identifier: Apache-2.0
"""Files that strace sees a program open below a folder: a second log of the kernel's, for every process it starts."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

from data_programs import Ended, Program, run
from kernel_log import Touched

_CALLS = "trace=open,openat,openat2,creat,rename,renameat,renameat2"
_OPENED = re.compile(r'^(?:open|openat|openat2|creat)\(.*?"(?:[^"\\]|\\.)*"(?P<flags>.*) = \d+<(?P<path>/[^>]*)>')
_RENAMED = re.compile(r'^(?:rename|renameat|renameat2)\(.*"(?P<target>(?:[^"\\]|\\.)*)"[^"]*\) = 0')


def available() -> bool:
    """Whether there is a strace on this machine."""
    return shutil.which("strace") is not None


def traced(program: Program, folder: Path) -> tuple[Ended, Touched]:
    """Run a program under strace; what it opened, and how it ended."""
    before = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    logs = folder.with_name(folder.name + ".strace")
    logs.mkdir()
    touched = Touched()
    whole = Ended(0, b"", b"", 0.0, 0.0)
    for number, command in enumerate(program.commands):
        # A log for each process, so that no line is cut by another's.
        launcher = ["strace", "-ff", "-qq", "-y", "-s", "4096", "-e", _CALLS, "-e", "signal=none"]
        ended = run(replace(program, commands=[["python", *command]]), folder, [*launcher, "-o", f"{logs}/{number}"])
        whole.status = whole.status or ended.status
        whole.errors += ended.errors
    for log in sorted(logs.iterdir()):
        for line in log.read_text(errors="surrogateescape").splitlines():
            _take(line, folder, before, touched)
    return whole, touched


def _take(line: str, folder: Path, before: set[str], touched: Touched) -> None:
    renamed = _RENAMED.match(line)
    if renamed:
        target = (folder / renamed["target"]).resolve()
        if target.is_relative_to(folder) and target.is_file():
            touched.written.add(str(target.relative_to(folder)))
        return
    opened = _OPENED.match(line)
    if not opened or "O_DIRECTORY" in opened["flags"] or "O_PATH" in opened["flags"]:
        return
    path, flags = Path(opened["path"].removesuffix(" (deleted)")), opened["flags"]
    if not path.is_relative_to(folder) or path.is_dir():
        return
    name = str(path.relative_to(folder))
    if "O_WRONLY" not in flags and ("O_RDWR" not in flags or (name in before and "O_TRUNC" not in flags)):
        touched.read.add(name)
    if "O_WRONLY" in flags or "O_RDWR" in flags:
        touched.written.add(name)
