# SPDX-License-Identifier: Apache-2.0
"""Puts data/iris.csv into place: the iris measurements that scikit-learn ships, with a header."""

from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Write data/iris.csv."""
    lines = (files("sklearn") / "datasets" / "data" / "iris.csv").read_text().splitlines()
    species = lines[0].split(",")[2:]
    rows = ["sepal_length,sepal_width,petal_length,petal_width,species"]
    for line in lines[1:]:
        *measured, code = line.split(",")
        rows.append(",".join([*measured, species[int(code)]]))
    folder = HERE / "data"
    folder.mkdir(exist_ok=True)
    (folder / "iris.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
