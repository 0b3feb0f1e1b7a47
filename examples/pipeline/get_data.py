# SPDX-License-Identifier: Apache-2.0
"""Puts the raw data into place: the wine measurements that scikit-learn ships, cut into two deliveries and a key."""

import csv
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Write raw/wine_1.csv, raw/wine_2.csv and raw/classes.csv."""
    lines = (files("sklearn") / "datasets" / "data" / "wine_data.csv").read_text().splitlines()
    # The first line says how many rows and measurements there are, and what the classes are called.
    rows, measurements, *classes = lines[0].split(",")
    header = ",".join([f"m{number}" for number in range(1, int(measurements) + 1)] + ["code"])
    raw = HERE / "raw"
    raw.mkdir(exist_ok=True)
    half = int(rows) // 2
    for name, part in (("wine_1.csv", lines[1 : half + 1]), ("wine_2.csv", lines[half + 1 :])):
        (raw / name).write_text("\n".join([header, *part]) + "\n")
    with (raw / "classes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("code", "grower"), *enumerate(classes)])


if __name__ == "__main__":
    main()
