# SPDX-License-Identifier: Apache-2.0
"""Fetches the real Kafka that the tests send to, once per change of tests/kafka, and checks every file of it.

    python tools/kafka.py            fetch what is missing, print the folder of its jars
    python tools/kafka.py hashes     write tests/kafka/sha256 anew, after a change of pom.xml

Needs Java and Maven, which takes them from the repository that it is set up for.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from backends import ROOT, BuildError, cache, lock, run, say

MANIFEST = ROOT / "tests" / "kafka" / "pom.xml"
HASHES = ROOT / "tests" / "kafka" / "sha256"
GOAL = "dependency:copy-dependencies"


def folder() -> Path:
    """Where the jars are, or will be; another one when what they are to be changes."""
    digest = hashlib.sha256(MANIFEST.read_bytes() + b"\0" + HASHES.read_bytes()).hexdigest()[:16]
    return cache() / f"kafka-{digest}"


def fetch(target: Path) -> None:
    """Have Maven put the jars into a folder."""
    maven = shutil.which("mvn")
    if maven is None or shutil.which("java") is None:
        raise BuildError(f"Kafka needs Java and Maven on PATH ({platform.system()}: the packages openjdk and maven)")
    with tempfile.TemporaryDirectory() as work:
        # A copy, so that nothing is made beside it.
        shutil.copy(MANIFEST, work)
        command = [maven, "--quiet", "--batch-mode", GOAL, f"-DoutputDirectory={target}"]
        run(command, "fetching Kafka by Maven", dict(os.environ), Path(work))


def hashes(jars: Path) -> str:
    """A line for each jar: SHA-256 and name."""
    return "".join(
        f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in sorted(jars.glob("*.jar"))
    )


def ensure() -> Path:
    """The folder of the jars; fetched, checked and put in its place in one step where it is not there."""
    target = folder()
    if target.is_dir():
        return target
    with lock():
        if target.is_dir():
            return target
        with tempfile.TemporaryDirectory(dir=cache(), prefix="kafka-") as work:
            jars = Path(work) / "jars"
            fetch(jars)
            found = set(hashes(jars).splitlines()) ^ set(HASHES.read_text(encoding="ascii").splitlines())
            if found:
                names = ", ".join(sorted({line.split()[1] for line in found}))
                raise BuildError(
                    f"not what tests/kafka/sha256 says: {names}. If pom.xml was changed: tools/kafka.py hashes"
                )
            jars.replace(target)
    return target


def main() -> int:
    """Fetch, or write the hashes; print the folder."""
    try:
        if sys.argv[1:] == ["hashes"]:
            with tempfile.TemporaryDirectory() as work:
                fetch(Path(work))
                HASHES.write_text(hashes(Path(work)), encoding="ascii")
            return 0
        sys.stdout.write(f"{ensure()}\n")
    except (BuildError, OSError) as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
