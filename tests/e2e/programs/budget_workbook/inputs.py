# SPDX-License-Identifier: Apache-2.0
"""A made-up budget as a workbook with a sheet per department, bookings, accounts and a template."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd

DEPARTMENTS = ("research", "sales", "support")


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(31)
    with pd.ExcelWriter(folder / "budget.xlsx") as writer:
        for department in DEPARTMENTS:
            pd.DataFrame({"account": range(100, 100 + size), "planned": random.integers(100, 10_000, size)}).to_excel(
                writer, sheet_name=department, index=False
            )
    count = size * 20
    pd.DataFrame(
        {
            "account": random.integers(100, 100 + size, count),
            "department": random.choice(DEPARTMENTS, count),
            "month": random.integers(1, 13, count),
            "amount": random.gamma(2, 40, count).round(2),
        }
    ).to_csv(folder / "bookings.csv", sep=";", decimal=",", index=False)
    pd.DataFrame({"account": range(100, 100 + size), "kind": random.choice(["staff", "rent"], size)}).to_excel(
        folder / "accounts.xlsx", index=False
    )
    template = openpyxl.Workbook()
    sheet = template.active
    sheet.title = "cover"
    sheet["A1"], sheet["A2"] = "Budget report", "as of"
    template.save(folder / "template.xlsx")
    (folder / "phones.csv").write_text("name,phone\nreception,10\n")
