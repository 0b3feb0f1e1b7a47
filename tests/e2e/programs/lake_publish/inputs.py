# SPDX-License-Identifier: Apache-2.0
"""Made-up events in compressed parts, a reference table inside a zip, and licences."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(37)
    landing = folder / "landing"
    landing.mkdir()
    for part in range(3):
        frame = pd.DataFrame(
            {
                "event": np.arange(size) + part * size,
                "device": random.integers(0, 300, size),
                "value": random.normal(0, 1, size).round(3),
                "kind": random.choice(["start", "stop", "beat"], size, p=[0.1, 0.1, 0.8]),
            }
        )
        with gzip.open(landing / f"part-{part}.csv.gz", "wt", compresslevel=1) as file:
            frame.to_csv(file, index=False)
    devices = pd.DataFrame({"device": range(300), "model": random.choice(["m1", "m2", "m3"], 300)})
    buffer = io.StringIO()
    devices.to_csv(buffer, index=False)
    with zipfile.ZipFile(folder / "reference.zip", "w") as archive:
        archive.writestr("devices.csv", buffer.getvalue())
        archive.writestr("history.csv", "device,since\n1,2020\n")
    pd.DataFrame({"model": ["m1", "m2", "m3"], "licence": ["a", "b", "c"]}).to_json(folder / "licences.json")
