# SPDX-License-Identifier: Apache-2.0
"""Which species a measured flower is nearest to."""

import csv
import json
import os

from flowers import store

DATA = os.environ.get("FLOWERS_DATA", "data/iris.csv")
REPORTS = os.environ.get("FLOWERS_REPORTS", "reports")


def write(name: str) -> int:
    """Write the species nearest to each flower to NAME.json; how many flowers there are."""
    with open(DATA, newline="") as file:
        known = [
            (float(row["petal_length"]), float(row["petal_width"]), row["species"]) for row in csv.DictReader(file)
        ]
    flowers = store.everything()
    nearest = {}
    for number, length, width in flowers:
        nearest[number] = min(known, key=lambda row: (row[0] - length) ** 2 + (row[1] - width) ** 2)[2]
    os.makedirs(REPORTS, exist_ok=True)
    with open(os.path.join(REPORTS, f"{os.path.basename(name)}.json"), "w") as file:
        json.dump(nearest, file)
    return len(flowers)
