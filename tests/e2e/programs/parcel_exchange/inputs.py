# SPDX-License-Identifier: Apache-2.0
"""What a made-up carrier sends: a zip of CSV files per depot, compressed scans as JSON lines, a list of depots."""

from __future__ import annotations

import gzip
import json
import random
import zipfile
from pathlib import Path


def make(folder: Path, size: int) -> None:
    dice = random.Random(17)
    inbox = folder / "inbox"
    inbox.mkdir()
    parcels = [f"P{number:07}" for number in range(size)]
    with zipfile.ZipFile(inbox / "parcels.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for depot in ("north", "south"):
            lines = ["parcel,depot,grams,postcode"]
            lines += [
                f"{parcel},{depot},{dice.randrange(50, 30_000)},{dice.randrange(10_000, 99_999)}"
                for parcel in parcels[depot == "south" :: 2]
            ]
            archive.writestr(f"{depot}.csv", "\n".join(lines) + "\n")
        archive.writestr("README.txt", "one file per depot\n")
    with gzip.open(inbox / "scans.jsonl.gz", "wt") as file:
        for number in range(size * 2):
            scan = {"parcel": dice.choice(parcels), "minute": number, "state": dice.choice(["in", "out", "lost"])}
            file.write(json.dumps(scan) + "\n")
    (folder / "depots.csv").write_text("depot,city\nnorth,Kiel\nsouth,Ulm\n")
    (folder / "exchange.ini").write_text("[limits]\nheavy = 20000\n\n[paths]\nout = outbox\n")
