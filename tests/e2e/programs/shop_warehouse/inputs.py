# SPDX-License-Identifier: Apache-2.0
"""Sales, shops and a price list as they come from the tills, and an archive database of last year."""

from __future__ import annotations

import csv
import random
import sqlite3
from pathlib import Path

CREATE = "CREATE TABLE sale (shop INTEGER, article TEXT, pieces INTEGER, paid REAL, day TEXT)"


def rows(size: int, year: int, dice: random.Random) -> list[tuple[object, ...]]:
    return [
        (
            dice.randrange(30),
            f"A{dice.randrange(400):03}",
            dice.randrange(-1, 5),
            round(dice.random() * 50, 2),
            f"{year}-{dice.randrange(1, 7):02}-{dice.randrange(1, 29):02}",
        )
        for _ in range(size)
    ]


def write(path: Path, head: list[str], lines: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(lines)


def make(folder: Path, size: int) -> None:
    dice = random.Random(13)
    tills = folder / "tills"
    tills.mkdir()
    for till in ("a", "b"):
        write(tills / f"{till}.csv", ["shop", "article", "pieces", "paid", "day"], rows(size, 2026, dice))
    write(folder / "shops.csv", ["shop", "city"], [(shop, f"city {shop % 9}") for shop in range(30)])
    write(folder / "articles.csv", ["article", "family"], [(f"A{n:03}", f"F{n % 12}") for n in range(400)])
    with sqlite3.connect(folder / "archive.db") as archive:
        archive.execute(CREATE)
        archive.executemany("INSERT INTO sale VALUES (?, ?, ?, ?, ?)", rows(size // 2, 2025, dice))
    archive.close()
