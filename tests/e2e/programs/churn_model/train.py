# SPDX-License-Identifier: Apache-2.0
"""Trains the model that says which customers are about to leave, and measures it on customers it has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from features import FEATURES, load
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MODEL = Path("model")


def pipeline(params: dict) -> Pipeline:
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "months", "minutes", "calls"]),
            ("plan", OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        ]
    )
    forest = RandomForestClassifier(
        n_estimators=params["trees"], max_depth=params["depth"], random_state=params["seed"], n_jobs=1
    )
    return Pipeline([("columns", columns), ("forest", forest)])


def satisfaction(path: Path) -> None:
    """The survey's answers are counted here by old custom; the model knows nothing of them."""
    answers = pd.read_csv(path)["answer"].value_counts().sort_index()
    answers.to_csv(MODEL / "survey_counts.csv")


def main() -> None:
    MODEL.mkdir(exist_ok=True)
    params = json.loads(Path("params.json").read_text())
    satisfaction(Path("survey.csv"))
    data = load(Path("2025"))
    train, test = train_test_split(data, test_size=params["holdout"], random_state=params["seed"])
    model = pipeline(params).fit(train[FEATURES], train["left"])
    joblib.dump(model, MODEL / "churn.joblib", compress=3)

    risk = model.predict_proba(test[FEATURES])[:, 1]
    test.assign(risk=risk.round(6))[["customer", "left", "risk"]].to_csv(MODEL / "holdout.csv", index=False)
    np.save(MODEL / "importances.npy", model.named_steps["forest"].feature_importances_)
    metrics = {"auc": roc_auc_score(test["left"], risk), "f1": f1_score(test["left"], risk > 0.5)}
    with open(MODEL / "metrics.json", "w") as file:
        json.dump({name: round(float(value), 4) for name, value in metrics.items()}, file)


if __name__ == "__main__":
    main()
