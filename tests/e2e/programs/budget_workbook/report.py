# SPDX-License-Identifier: Apache-2.0
"""Plan against bookings for every department, as a workbook of several sheets and a cover from a template."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pandas as pd
from openpyxl.styles import Font

OUT = Path("out")
TOTAL = "total"


def load_plan(path: str) -> pd.DataFrame:
    sheets = pd.read_excel(path, sheet_name=None)
    frames = [sheet.assign(department=name) for name, sheet in sheets.items() if not name.startswith("_")]
    return pd.concat(frames, ignore_index=True)


def load_bookings(path: str) -> pd.DataFrame:
    bookings = pd.read_csv(path, sep=";", decimal=",")
    return bookings.pivot_table(
        index=["department", "account"], columns="month", values="amount", aggfunc="sum", fill_value=0.0
    ).reset_index()


def compare(plan: pd.DataFrame, bookings: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    months = [column for column in bookings.columns if isinstance(column, int)]
    joined = plan.merge(bookings, on=["department", "account"], how="left").merge(accounts, on="account", how="left")
    joined[months] = joined[months].fillna(0.0)
    joined[TOTAL] = joined[months].sum(axis=1)
    joined["left"] = joined["planned"] - joined[TOTAL]
    return joined


def write_workbook(compared: pd.DataFrame, path: Path) -> None:
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        for department, part in compared.groupby("department"):
            part.drop(columns="department").to_excel(writer, sheet_name=str(department), index=False)
        kinds = compared.pivot_table(index="kind", columns="department", values=TOTAL, aggfunc="sum")
        kinds.to_excel(writer, sheet_name="kinds")


def overdrawn(compared: pd.DataFrame) -> pd.DataFrame:
    return compared.loc[compared["left"] < 0, ["department", "account", "left"]].sort_values("left")


def write_cover(template: str, figures: dict[str, float], path: Path) -> None:
    """The cover is a sheet that somebody else has drawn; only the figures are put in."""
    workbook = openpyxl.load_workbook(template)
    sheet = workbook["cover"]
    for row, (name, figure) in enumerate(figures.items(), start=4):
        sheet.cell(row, 1, name).font = Font(bold=True)
        sheet.cell(row, 2, figure)
    workbook.save(path)


def main() -> None:
    OUT.mkdir(exist_ok=True)
    phones = pd.read_csv("phones.csv")
    phones.to_html(OUT / "phones.html", index=False)

    accounts = pd.read_excel("accounts.xlsx")
    compared = compare(load_plan("budget.xlsx"), load_bookings("bookings.csv"), accounts)
    write_workbook(compared, OUT / "report.xlsx")
    overdrawn(compared).to_csv(OUT / "overdrawn.csv", index=False)

    with pd.ExcelFile(OUT / "report.xlsx") as workbook:
        kinds = pd.read_excel(workbook, sheet_name="kinds", index_col=0)
    figures = {str(name): round(float(amount), 2) for name, amount in kinds.sum().items()}
    write_cover("template.xlsx", figures, OUT / "cover.xlsx")
    (OUT / "figures.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
