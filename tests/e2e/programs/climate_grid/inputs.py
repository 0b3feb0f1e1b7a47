# SPDX-License-Identifier: Apache-2.0
"""Made-up temperatures on a grid as HDF5, a mask and weights as numpy files, and names of stations."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(41)
    grids = folder / "grids"
    grids.mkdir()
    for year in (2024, 2025):
        with h5py.File(grids / f"{year}.h5", "w") as file:
            days = file.create_dataset("temperature", (size, 60, 80), dtype="f4", chunks=(1, 60, 80))
            for day in range(size):
                days[day] = random.normal(15, 8, (60, 80))
            file.attrs["year"] = year
            file.create_dataset("humidity", data=random.random((4, 4)))
    np.save(folder / "land.npy", random.random((60, 80)) > 0.4)
    np.savez(folder / "weights.npz", area=random.random((60, 80)), unused=np.zeros(3))
    np.savetxt(folder / "stations.txt", random.random((20, 2)) * [60, 80], fmt="%.2f")
    np.savetxt(folder / "tides.csv", random.random((50, 3)), delimiter=",")
