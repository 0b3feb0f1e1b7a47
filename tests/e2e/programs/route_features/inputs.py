# SPDX-License-Identifier: Apache-2.0
"""Made-up rides of four cities, the weather of each day, and a list of events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

CITIES = ("bern", "graz", "lyon", "oslo")


def make(folder: Path, size: int) -> None:
    random = np.random.default_rng(29)
    rides = folder / "rides"
    rides.mkdir()
    days = pd.date_range("2026-06-01", periods=60)
    for city in CITIES:
        pd.DataFrame(
            {
                "ride": np.arange(size),
                "started": random.choice(days.to_numpy(), size)
                + pd.to_timedelta(random.integers(0, 86_400, size), "s"),
                "km": random.gamma(2, 3, size).round(2),
                "minutes": random.gamma(3, 6, size).round(1),
            }
        ).to_csv(rides / f"{city}.csv", index=False)
    pd.DataFrame(
        {
            "city": np.repeat(CITIES, len(days)),
            "day": np.tile(days.strftime("%Y-%m-%d"), len(CITIES)),
            "rain": random.gamma(1, 2, len(days) * len(CITIES)).round(1),
        }
    ).to_csv(folder / "weather.csv", index=False)
    (folder / "events.csv").write_text("city,day,event\nbern,2026-06-20,marathon\noslo,2026-06-21,concert\n")
