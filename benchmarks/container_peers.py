# SPDX-License-Identifier: Apache-2.0
"""The other trackers of changes that benchmarks/containers.py measures beside ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# pydatatracker says that it needs Python 3.12, and runs on 3.11 as it is.
PEERS = ("pydatatracker==0.1.0", "traitlets==5.16.1")


def install(environment: Path) -> Path:
    """The peers, below an environment where they are not yet."""
    folder = environment / "peers" / "containers"
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != "\n".join(PEERS):
        shutil.rmtree(folder, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "--ignore-requires-python", "--no-deps", "--target", str(folder), *PEERS], check=True)
        stamp.write_text("\n".join(PEERS))
    return folder


def other_trackers() -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """The containers of pydatatracker, and makers of objects with an attribute `x` by whose they are."""
    import pydantic
    import pydatatracker
    import traitlets

    class Traits(traitlets.HasTraits):  # type: ignore[misc]
        x = traitlets.Int(0)

    class Model(pydantic.BaseModel):
        x: int = 0

    class Validated(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(validate_assignment=True)
        x: int = 0

    class Tracked(pydatatracker.TrackedAttr):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.x = 0
            self.tracking_add_attribute_to_monitor("x")

    def observed() -> Traits:
        made = Traits()
        made.observe([].append, names=["x"])
        return made

    theirs = {"dict": pydatatracker.TrackedDict, "list": pydatatracker.TrackedList}
    objects: dict[str, Callable[[], Any]] = {
        "pydatatracker": Tracked,
        "traitlets": Traits,
        "traitlets, observed": observed,
        "pydantic": Model,
        "pydantic, validated": Validated,
    }
    return theirs, objects
