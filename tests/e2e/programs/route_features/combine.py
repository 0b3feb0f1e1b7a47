# SPDX-License-Identifier: Apache-2.0
"""Puts the frames of all cities together with the weather."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import pandas as pd


def load(path: str) -> pd.DataFrame:
    with open(path, "rb") as file:
        frame = pickle.load(file)
    assert isinstance(frame, pd.DataFrame), path
    return frame


def main() -> None:
    manifest, weather = sys.argv[1:]
    with open(manifest) as file:
        paths = json.load(file)
    out = Path("out")
    out.mkdir(exist_ok=True)
    features = pd.concat([load(path) for path in paths.values()], ignore_index=True)
    joined = features.merge(pd.read_csv(weather), on=["city", "day"], how="left", validate="many_to_one")
    joined["wet"] = joined["rain"] > 2
    joined.to_csv(out / "features.csv", index=False)
    features.groupby("hour")["kmh"].mean().round(3).to_csv(out / "speed_by_hour.csv")


if __name__ == "__main__":
    main()
