# SPDX-License-Identifier: Apache-2.0
"""Readings of stations, month by month and chunk by chunk, into Parquet; what is broken goes into quarantine."""

from __future__ import annotations

import configparser
import csv
import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

RAW, CLEAN = Path("raw"), Path("clean")
QUARANTINE = CLEAN / "quarantine.csv"
log = logging.getLogger("ingest")


def chunks(path: Path, rows: int, on_bad_lines: str) -> Iterator[pd.DataFrame]:
    with pd.read_csv(path, chunksize=rows, parse_dates=["taken"], on_bad_lines=on_bad_lines) as reader:
        yield from reader


def checked(frames: Iterator[pd.DataFrame], limits: configparser.SectionProxy) -> Iterator[pd.DataFrame]:
    """The good rows of each frame; the others are appended to the quarantine."""
    low, high = limits.getfloat("low"), limits.getfloat("high")
    for frame in frames:
        good = frame["temperature"].between(low, high) & frame["humidity"].notna()
        bad = frame[~good]
        if len(bad):
            bad.to_csv(QUARANTINE, mode="a", header=not QUARANTINE.exists(), index=False)
        yield frame[good]


def enriched(frames: Iterator[pd.DataFrame], stations: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for frame in frames:
        joined = frame.merge(stations, on="station", how="left")
        joined["pressure_hpa"] = 1013.25 * (1 - 2.25577e-5 * joined["altitude"]) ** 5.25588
        yield joined


def write_parquet(frames: Iterator[pd.DataFrame], target: Path) -> int:
    writer, rows = None, 0
    try:
        for frame in frames:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(target, table.schema, compression="zstd")
            writer.write_table(table)
            rows += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rows


def ingest(path: Path, target: Path, stations: pd.DataFrame, settings: configparser.ConfigParser) -> int:
    """One month, once more and with an open mind where it breaks off half-way."""
    rows = settings.getint("reading", "chunk")
    for on_bad_lines in ("error", "skip"):
        try:
            frames = checked(chunks(path, rows, on_bad_lines), settings["limits"])
            return write_parquet(enriched(frames, stations), target)
        except pd.errors.ParserError as error:
            log.warning("%s: %s", path.name, error)
            target.unlink(missing_ok=True)
    raise SystemExit(f"{path}: can't be read")


def daily(path: Path) -> pd.DataFrame:
    frame = pd.read_parquet(path=path, columns=["taken", "region", "temperature"])
    frame["day"] = frame["taken"].dt.date
    return frame.groupby(["region", "day"])["temperature"].agg(["min", "mean", "max"]).reset_index()


def main() -> None:
    logging.basicConfig(filename="ingest.log", level=logging.INFO)
    settings = configparser.ConfigParser()
    settings.read("ingest.ini")
    CLEAN.mkdir(exist_ok=True)
    stations = pd.read_csv(RAW / "stations.csv").set_index("station")[["altitude", "region"]].reset_index()
    counts = {}
    for path in sorted(RAW.glob("readings-*.csv")):
        target = CLEAN / f"{path.stem.removeprefix('readings-')}.parquet"
        counts[path.name] = ingest(path, target, stations, settings)
    months = (daily(path) for path in sorted(CLEAN.glob("*.parquet")))
    pd.concat(months, ignore_index=True).to_csv(CLEAN / "daily.csv", index=False)
    with open(CLEAN / "counts.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "rows"])
        writer.writerows(counts.items())


if __name__ == "__main__":
    main()
