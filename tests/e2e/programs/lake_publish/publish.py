# SPDX-License-Identifier: Apache-2.0
"""Publishes events to the lake: read through fsspec, staged in memory, written as one Parquet file per kind.

Where the lake is, is a URL; here it is a folder.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec
import pandas as pd


@contextmanager
def reference(url: str) -> Iterator[pd.DataFrame]:
    with fsspec.open(url, "rt") as file:
        yield pd.read_csv(file)


def events(pattern: str) -> pd.DataFrame:
    frames = []
    for opened in fsspec.open_files(pattern, "rt", compression="infer"):
        with opened as file:
            frames.append(pd.read_csv(file))
    return pd.concat(frames, ignore_index=True)


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame[frame["value"].abs() < 3]
    return frame.drop_duplicates("event").set_index("event").sort_index()


def stage(frame: pd.DataFrame, name: str) -> str:
    """The table is wanted twice; it waits in memory for it."""
    url = f"memory://staging/{name}.parquet"
    frame.to_parquet(url)
    return url


def publish(frame: pd.DataFrame, fs: fsspec.AbstractFileSystem, path: str, tries: int = 2) -> None:
    """The frame as Parquet, by way of a buffer, so that the lake is written to in one go."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    for attempt in range(1, tries + 1):
        try:
            with fs.open(path, "wb") as file:
                file.write(buffer.getvalue())
        except FileNotFoundError:
            if attempt == tries:
                raise
            # The lake's folder of the day is made by whoever comes first.
            fs.makedirs(path.rpartition("/")[0])
        else:
            return


def rolling(frame: pd.DataFrame) -> pd.DataFrame:
    means = frame.groupby("device")["value"].rolling(20, min_periods=1).mean()
    return means.reset_index(level=0).rename(columns={"value": "mean"})


def main() -> None:
    lake = sys.argv[1]
    fs, root = fsspec.core.url_to_fs(lake)
    with reference("zip://devices.csv::reference.zip") as devices:
        staged = stage(clean(events("landing/part-*.csv.gz")).reset_index(), "events")
        table = pd.read_parquet(staged).merge(devices, on="device", how="left")
    for kind, part in table.groupby("kind"):
        publish(part.drop(columns="kind"), fs, f"{root}/{kind}.parquet")
    rolling(pd.read_parquet(staged)).to_csv(f"{lake}/rolling.csv.gz", index=False)

    counts = table.groupby("model").size()
    with fsspec.open(f"{lake}/counts.json", "w") as file:
        json.dump({str(model): int(count) for model, count in counts.items()}, file)
    # Goes out with every delivery, as it is.
    licences = pd.read_json("licences.json")
    with fs.open(f"{root}/licences.csv", "w") as file:
        licences.to_csv(file, index=False)


if __name__ == "__main__":
    main()
