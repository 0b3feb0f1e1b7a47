# SPDX-License-Identifier: Apache-2.0
"""Readings of made-up weather stations by month, some of them broken; one file ends in a line that is no CSV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(11)
    raw = folder / "raw"
    raw.mkdir()
    for number, month in enumerate(("2026-01", "2026-02", "2026-03")):
        readings = pd.DataFrame(
            {
                "station": random.integers(0, 40, size),
                "taken": (pd.Timestamp(f"{month}-01") + pd.to_timedelta(np.arange(size), "s")).astype(str),
                "temperature": random.normal(12, 9, size).round(2),
                "humidity": random.integers(20, 100, size).astype(float),
            }
        )
        readings.loc[random.random(size) < 0.002, "temperature"] = 999.0
        readings.loc[random.random(size) < 0.001, "humidity"] = np.nan
        path = raw / f"readings-{month}.csv"
        readings.to_csv(path, index=False)
        if number == 1:
            with path.open("a") as file:
                file.write("7,2026-02-28 23:59:59,11.0,55.0,restart,1,1\n")
    pd.DataFrame(
        {"station": range(40), "altitude": random.integers(0, 2000, 40), "region": random.choice(["n", "s"], 40)}
    ).to_csv(raw / "stations.csv", index=False)
    (raw / "notes.csv").write_text("station,note\n3,moved\n")
