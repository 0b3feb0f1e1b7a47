# SPDX-License-Identifier: Apache-2.0
"""Climate figures out of gridded days: means over land, anomalies against the year before, series at stations."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

GRIDS, OUT = Path("grids"), Path("out")
BLOCK = 16


def blocks(dataset: h5py.Dataset) -> Iterator[np.ndarray]:
    for first in range(0, dataset.shape[0], BLOCK):
        yield dataset[first : first + BLOCK].astype("f8")


def land_means(dataset: h5py.Dataset, land: np.ndarray, area: np.ndarray) -> np.ndarray:
    weights = np.where(land, area, 0.0)
    weights /= weights.sum()
    return np.concatenate([np.einsum("dyx,yx->d", block, weights) for block in blocks(dataset)])


def climatology(dataset: h5py.Dataset) -> np.ndarray:
    total = np.zeros(dataset.shape[1:])
    for block in blocks(dataset):
        total += block.sum(axis=0)
    return total / dataset.shape[0]


def write_anomalies(dataset: h5py.Dataset, normal: np.ndarray, target: h5py.File) -> None:
    anomalies = target.create_dataset("anomaly", dataset.shape, dtype="f4", chunks=(1, *dataset.shape[1:]))
    for number, block in enumerate(blocks(dataset)):
        anomalies[number * BLOCK : number * BLOCK + len(block)] = block - normal
    target.attrs["baseline"] = "the year before"


def at_stations(dataset: h5py.Dataset, places: np.ndarray) -> np.ndarray:
    rows, columns = places.astype(int).T
    return np.concatenate([block[:, rows, columns] for block in blocks(dataset)])


def quantiles(dataset: h5py.Dataset) -> dict[str, np.ndarray]:
    days = np.concatenate(list(blocks(dataset)))
    return {f"q{level}": np.quantile(days, level / 100, axis=0) for level in (10, 50, 90)}


def tides(source: str) -> None:
    """The harbour's tides are published along with the rest, rounded."""
    levels = np.loadtxt(source, delimiter=",")
    np.savetxt(OUT / "tides.txt", levels.round(1), fmt="%.1f")


def main() -> None:
    before, year = sys.argv[1:]
    OUT.mkdir(exist_ok=True)
    tides("tides.csv")
    land = np.load("land.npy", mmap_mode="r")
    with np.load("weights.npz") as weights:
        area = weights["area"]
    places = np.loadtxt("stations.txt")

    with h5py.File(GRIDS / f"{before}.h5", "r") as file:
        normal = climatology(file["temperature"])
        np.save(OUT / "normal.npy", normal)
    with h5py.File(GRIDS / f"{year}.h5", "r") as file:
        temperature = file["temperature"]
        means = land_means(temperature, land, area)
        np.savetxt(OUT / "land_means.csv", means, delimiter=",", fmt="%.4f")
        np.save(OUT / "stations.npy", at_stations(temperature, places))
        np.savez_compressed(OUT / "quantiles.npz", **quantiles(temperature))
        with h5py.File(OUT / "anomalies.h5", "w") as target:
            write_anomalies(temperature, normal, target)


if __name__ == "__main__":
    main()
