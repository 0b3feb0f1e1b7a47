# SPDX-License-Identifier: Apache-2.0
"""What taxi rides cost, by zone and fare: pyarrow alone, from a folder of files to a partitioned dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.dataset as ds
import pyarrow.feather as feather
import pyarrow.json
import pyarrow.parquet as pq

OUT = Path("out")
LONG = 20_000


def with_cost(rides: pa.Table, fares: pa.Table) -> pa.Table:
    joined = rides.join(fares, keys="fare", join_type="inner")
    kilometres = pc.divide(joined["metres"], 1000)
    cost = pc.add(joined["base"], pc.multiply(joined["per_km"], kilometres))
    return joined.append_column("cost", pc.round(cost, 2)).drop_columns(["base", "per_km"])


def by_zone(rides: pa.Table, zones: pa.Table) -> pa.Table:
    summed = rides.group_by("zone").aggregate([("cost", "sum"), ("metres", "mean"), ("driver", "count_distinct")])
    return summed.join(zones, keys="zone").sort_by("zone")


def long_rides(dataset: ds.Dataset) -> Iterator[pa.RecordBatch]:
    """Batch by batch: never all of it at once."""
    for batch in dataset.to_batches(columns=["month", "zone", "metres"]):
        found = batch.filter(pc.greater(batch["metres"], LONG / 4))
        if found.num_rows:
            yield found


def write_long_rides(dataset: ds.Dataset, target: Path) -> None:
    schema = pa.schema([("month", pa.int64()), ("zone", pa.int64()), ("metres", pa.float64())])
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in long_rides(dataset):
            writer.write_batch(batch)


def longest_by_month(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        return table.group_by("month").aggregate([("metres", "max"), ("zone", "count")]).sort_by("month")


def holders(source: str) -> None:
    """The register of medallions is handed on in another format; no ride is in it."""
    register = csv.read_csv(source)
    feather.write_feather(register.sort_by("medallion"), OUT / "medallions.feather")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    dataset = ds.dataset("rides", format="parquet")
    zones = csv.read_csv("zones.csv")
    fares = pyarrow.json.read_json("fares.jsonl")
    holders("medallions.csv")

    rides = with_cost(dataset.to_table(), fares)
    csv.write_csv(by_zone(rides, zones), OUT / "zones.csv")
    ds.write_dataset(
        rides.select(["fare", "zone", "cost"]),
        OUT / "by_fare",
        format="parquet",
        partitioning=ds.partitioning(pa.schema([("fare", pa.int64())]), flavor="hive"),
        existing_data_behavior="overwrite_or_ignore",
    )
    write_long_rides(dataset, OUT / "long.arrow")
    pq.write_table(longest_by_month(OUT / "long.arrow"), OUT / "longest.parquet")

    # The first of the months again, as the accountants want it: from the file, not from the folder.
    april = pq.read_table("rides/2026-04.parquet", columns=["driver", "metres"])
    drivers = april.group_by("driver").aggregate([("metres", "sum")]).sort_by("driver")
    pq.write_table(drivers, OUT / "drivers_april.parquet", compression="zstd")


if __name__ == "__main__":
    main()
