# SPDX-License-Identifier: Apache-2.0
"""Nightly exchange with a carrier, with nothing but the standard library.

Unpacks what came in, joins scans to parcels, and puts lists into the outbox: each is written beside its place and
renamed, so that nobody fetches half of one.
"""

from __future__ import annotations

import configparser
import csv
import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

INBOX = Path("inbox")
Parcel = dict[str, str]


def unpacked(archive: Path, folder: Path) -> Iterator[Path]:
    with zipfile.ZipFile(archive) as source:
        for name in sorted(source.namelist()):
            if name.endswith(".csv"):
                yield Path(source.extract(name, folder))


def parcels(paths: Iterable[Path]) -> dict[str, Parcel]:
    found: dict[str, Parcel] = {}
    for path in paths:
        with path.open(newline="") as file:
            found.update((row["parcel"], row) for row in csv.DictReader(file))
    return found


def last_states(path: Path) -> tuple[dict[str, str], Counter[str]]:
    states: dict[str, str] = {}
    counts: Counter[str] = Counter()
    with gzip.open(path, "rt") as file:
        for line in file:
            scan = json.loads(line)
            states[scan["parcel"]] = scan["state"]
            counts[scan["state"]] += 1
    return states, counts


def cities(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        return {row["depot"]: row["city"] for row in csv.DictReader(file)}


def write_atomically(target: Path, text: str) -> None:
    temporary = target.with_name(target.name + ".tmp")
    with open(temporary, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, target)


def as_csv(rows: Iterable[Parcel], columns: list[str]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    settings = configparser.ConfigParser()
    settings.read("exchange.ini")
    out = Path(settings["paths"]["out"])
    out.mkdir(exist_ok=True)

    states, counts = last_states(INBOX / "scans.jsonl.gz")
    write_atomically(out / "states.json", json.dumps(counts, sort_keys=True))

    with tempfile.TemporaryDirectory() as folder:
        known = parcels(unpacked(INBOX / "parcels.zip", Path(folder)))
    heavy = [row for row in known.values() if int(row["grams"]) > settings.getint("limits", "heavy")]
    write_atomically(out / "heavy.csv", as_csv(heavy, ["parcel", "depot", "grams"]))

    place = cities(Path("depots.csv"))
    lost = [{**known[parcel], "city": place[known[parcel]["depot"]]} for parcel, s in states.items() if s == "lost"]
    with gzip.open(out / "lost.jsonl.gz", "wt") as file:
        for row in lost:
            file.write(json.dumps(row) + "\n")

    by_code: defaultdict[str, int] = defaultdict(int)
    for row in known.values():
        by_code[row["postcode"][:2]] += int(row["grams"])
    with open(out / "postcodes.pickle", "wb") as file:
        pickle.dump(dict(by_code), file)

    # The carrier wants its own list back, and one archive of all.
    shutil.copy(Path("depots.csv"), out / "depots.csv")
    with zipfile.ZipFile("delivery.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(out.glob("*.csv")):
            archive.write(path, path.name)
    write_atomically(out / "SHA256SUMS", "".join(f"{digest(path)}  {path.name}\n" for path in [Path("delivery.zip")]))


if __name__ == "__main__":
    main()
