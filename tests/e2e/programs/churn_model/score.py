# SPDX-License-Identifier: Apache-2.0
"""This year's customers, each with the risk that they leave; the list for the call centre is the top of it."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import joblib
import numpy as np
from features import FEATURES, load


def patiently(path: Path, tries: int = 3):
    """The model, which another job may be replacing: a half-written one is loaded again."""
    for attempt in range(tries):
        try:
            return joblib.load(path)
        except (EOFError, FileNotFoundError):
            if attempt == tries - 1:
                raise
            time.sleep(0.1)
    raise AssertionError


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=Path, default=Path("2026"))
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    model = patiently(Path("model/churn.joblib"))
    data = load(options.customers)
    scored = data[["customer", "plan"]].copy()
    scored["risk"] = model.predict_proba(data[FEATURES])[:, 1].round(6)
    scored = scored.sort_values(["risk", "customer"], ascending=[False, True])
    out = Path("scores")
    out.mkdir(exist_ok=True)
    scored.to_parquet(out / "risks.parquet", index=False)
    scored.head(options.calls).to_csv(out / "call_list.csv", index=False)
    weights = np.load("model/importances.npy")
    names = [str(name) for name in model.named_steps["columns"].get_feature_names_out()]
    explained = dict(zip(names, (round(float(weight), 5) for weight in weights), strict=True))
    (out / "explanation.json").write_text(json.dumps(explained, indent=1))


if __name__ == "__main__":
    main()
