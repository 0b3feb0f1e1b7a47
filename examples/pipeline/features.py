# SPDX-License-Identifier: Apache-2.0
"""Names the growers and adds two ratios: clean.parquet and raw/classes.csv to features.parquet."""

import pandas as pd

clean = pd.read_parquet("clean.parquet")
classes = pd.read_csv("raw/classes.csv")
features = clean.merge(classes, on="code").drop(columns="code")
features["alcohol_by_acid"] = features["m1"] / features["m2"]
features["colour_by_hue"] = features["m10"] / features["m11"]
features.to_parquet("features.parquet")
print(f"{features.shape[1] - 1} features for {features['grower'].nunique()} growers")
