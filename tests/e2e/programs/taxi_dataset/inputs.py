# SPDX-License-Identifier: Apache-2.0
"""Made-up taxi rides as a folder of Parquet files, zones as CSV, fares as line-wise JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(43)
    rides = folder / "rides"
    rides.mkdir()
    for month in (4, 5, 6):
        table = pa.table(
            {
                "month": np.full(size, month),
                "zone": random.integers(0, 60, size),
                "fare": random.integers(0, 3, size),
                "metres": random.gamma(2, 1500, size).round(),
                "driver": random.integers(0, 500, size).astype(str),
            }
        )
        pq.write_table(table, rides / f"2026-0{month}.parquet")
    pa.csv.write_csv(
        pa.table({"zone": np.arange(60), "borough": random.choice(["inner", "outer"], 60)}), folder / "zones.csv"
    )
    fares = [{"fare": fare, "base": 3.5 + fare, "per_km": 2.0 + fare / 4} for fare in range(3)]
    (folder / "fares.jsonl").write_text("".join(json.dumps(fare) + "\n" for fare in fares))
    pa.csv.write_csv(pa.table({"holder": ["a", "b"], "medallion": [1, 2]}), folder / "medallions.csv")
