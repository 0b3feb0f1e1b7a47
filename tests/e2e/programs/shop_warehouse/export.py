# SPDX-License-Identifier: Apache-2.0
"""Exports of the warehouse: a list by cursor, a table by pandas, a backup."""

from __future__ import annotations

import csv
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd

FAMILIES = "SELECT family, count(*), sum(pieces), round(sum(paid), 2) FROM sale GROUP BY family ORDER BY family"


def export_families(connection: sqlite3.Connection, target: Path) -> int:
    cursor = connection.cursor()
    cursor.execute(FAMILIES)
    rows = 0
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["family", "sales", "pieces", "paid"])
        for row in cursor:
            writer.writerow(row)
            rows += 1
    return rows


def export_monthly(connection: sqlite3.Connection, target: Path) -> None:
    monthly = pd.read_sql("SELECT month, city, paid FROM monthly ORDER BY month", connection)
    monthly["paid"] = monthly["paid"].round(2)
    monthly.to_csv(target, index=False)


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(exist_ok=True)
    with closing(sqlite3.connect("warehouse.db")) as connection:
        export_monthly(connection, out / "best_cities.csv")
        print(export_families(connection, out / "families.csv"), "families")
        with closing(sqlite3.connect(out / "backup.db")) as backup:
            connection.backup(backup)


if __name__ == "__main__":
    main()
