# SPDX-License-Identifier: Apache-2.0
"""Made-up meter readings by region, prices by hour, tariffs and the addresses of the meters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(5)
    meters = folder / "meters"
    meters.mkdir()
    hours = pd.date_range("2026-03-01", periods=24 * 31, freq="h")
    for number, region in enumerate(("east", "north", "west")):
        pd.DataFrame(
            {
                "meter": random.integers(number * 1000, number * 1000 + 500, size),
                "hour": random.choice(hours.to_numpy(), size),
                "kwh": random.gamma(2, 0.4, size),
            }
        ).to_parquet(meters / f"{region}.parquet", index=False)
    pd.DataFrame({"hour": hours, "price": random.normal(0.09, 0.03, len(hours)).round(4)}).to_csv(
        folder / "spot_prices.csv", index=False
    )
    ids = [number * 1000 + meter for number in range(3) for meter in range(500)]
    pd.DataFrame({"meter": ids, "tariff": random.choice(["spot", "fixed"], len(ids))}).to_parquet(
        folder / "contracts.parquet", index=False
    )
    pd.DataFrame({"meter": ids, "street": "Main Street", "number": range(len(ids))}).to_csv(
        folder / "addresses.csv", index=False
    )
