# SPDX-License-Identifier: Apache-2.0
"""What training and scoring have in common."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FEATURES = ["age", "months", "plan", "minutes", "calls"]


def load(folder: Path) -> pd.DataFrame:
    """Customers with their usage; who never called has zero."""
    known = pd.read_parquet(folder / "customers.parquet")
    usage = pd.read_csv(folder / "usage.csv")
    summed = usage.groupby("customer")["minutes"].agg(minutes="sum", calls="count").reset_index()
    joined = known.merge(summed, on="customer", how="left")
    return joined.fillna({"minutes": 0.0, "calls": 0})
