# SPDX-License-Identifier: Apache-2.0
"""Trains a classifier: features.parquet and params.json to model.joblib and metrics.json."""

import json

import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

features = pd.read_parquet("features.parquet")
with open("params.json") as file:
    params = json.load(file)

known, grower = features.drop(columns="grower"), features["grower"]
known_train, known_test, grower_train, grower_test = train_test_split(
    known, grower, test_size=params["test_size"], random_state=params["seed"]
)
model = make_pipeline(StandardScaler(), LogisticRegression(C=params["C"], max_iter=params["max_iter"]))
model.fit(known_train, grower_train)
accuracy = model.score(known_test, grower_test)

joblib.dump(model, "model.joblib")
with open("metrics.json", "w") as file:
    json.dump({"accuracy": round(accuracy, 4), "rows": len(features)}, file)
print(f"accuracy {accuracy:.3f}")
