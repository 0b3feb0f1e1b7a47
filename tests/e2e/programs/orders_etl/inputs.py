# SPDX-License-Identifier: Apache-2.0
"""Orders, customers, products, exchange rates and a calendar of a made-up shop."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(7)
    data = folder / "data"
    data.mkdir()
    customers = max(size // 20, 50)
    days = pd.date_range("2026-01-01", periods=180).strftime("%Y-%m-%d").to_numpy()
    orders = pd.DataFrame(
        {
            "order_id": np.arange(size),
            "customer_id": random.integers(0, customers, size),
            "sku": random.integers(100, 160, size),
            "quantity": random.integers(-1, 6, size),
            "currency": random.choice(["EUR", "USD", "GBP"], size),
            "day": random.choice(days, size),
            "comment": random.choice(["", "gift", "call before delivery", "second try"], size),
        }
    )
    orders[: size // 2].to_csv(data / "orders_2026h1.csv", index=False)
    orders[size // 2 :].to_csv(data / "orders_2026h2.csv", index=False)
    pd.DataFrame(
        {
            "customer_id": np.arange(customers),
            "country": random.choice(["DE", "FR", "IT", "PL"], customers),
            "segment": random.choice(["retail", "trade"], customers),
        }
    ).to_csv(data / "customers.csv", index=False)
    products = [{"sku": sku, "category": f"c{sku % 7}", "price": float(sku % 11 + 1)} for sku in range(100, 160)]
    (data / "products.json").write_text(json.dumps(products))
    (data / "rates.json").write_text(json.dumps({"EUR": 1.0, "USD": 0.9, "GBP": 1.2}))
    pd.DataFrame({"day": days, "holiday": random.random(len(days)) < 0.05}).to_csv(data / "calendar.csv", index=False)
