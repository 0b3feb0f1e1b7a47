# SPDX-License-Identifier: Apache-2.0
"""Made-up customers of last year with what became of them, this year's customers, their usage, and a survey."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd


def customers(random: np.random.Generator, size: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer": np.arange(size),
            "age": random.integers(18, 90, size),
            "plan": random.choice(["basic", "plus", "max"], size),
            "months": random.integers(1, 120, size),
        }
    )


def usage(random: np.random.Generator, size: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"customer": random.integers(0, size, size * 3), "minutes": random.gamma(2, 60, size * 3).round(1)}
    )


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(23)
    for year in ("2025", "2026"):
        path = folder / year
        path.mkdir()
        known = customers(random, size)
        if year == "2025":
            risk = 1 / (1 + np.exp(known["months"] / 30 - 1 + (known["plan"] == "max")))
            known["left"] = (random.random(size) < risk).astype(int)
        known.to_parquet(path / "customers.parquet", index=False)
        usage(random, size).to_csv(path / "usage.csv", index=False)
    pd.DataFrame({"answer": random.integers(1, 6, size)}).to_csv(folder / "survey.csv", index=False)
    (folder / "params.json").write_text(json.dumps({"trees": 60, "depth": 6, "holdout": 0.25, "seed": 1}))
