# SPDX-License-Identifier: Apache-2.0
"""Page views of a made-up site by day, its visitors and pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(3)
    views = folder / "views"
    views.mkdir()
    visitors = max(size // 10, 20)
    for day in range(1, 5):
        frame = pl.DataFrame(
            {
                "visitor": random.integers(0, visitors, size),
                "page": random.integers(0, 200, size),
                "second": np.sort(random.integers(0, 86_400, size)),
                "status": random.choice([200, 200, 200, 404, 500], size),
                "milliseconds": random.gamma(2, 40, size).round(1),
            }
        )
        frame.write_parquet(views / f"2026-05-0{day}.parquet")
    pl.DataFrame({"visitor": range(visitors), "channel": random.choice(["ads", "mail", "search"], visitors)}).write_csv(
        folder / "visitors.csv"
    )
    pl.DataFrame({"page": range(200), "title": [f"page {n}" for n in range(200)]}).write_ndjson(folder / "pages.ndjson")
    pl.DataFrame({"campaign": ["a", "b", "c"], "cost": [10, 20, 30]}).write_csv(folder / "campaigns.csv")
