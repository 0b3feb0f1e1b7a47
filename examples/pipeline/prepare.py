# SPDX-License-Identifier: Apache-2.0
"""Joins the two deliveries and drops rows that lack a measurement: raw/wine_*.csv to clean.parquet."""

import pandas as pd

first = pd.read_csv("raw/wine_1.csv")
second = pd.read_csv("raw/wine_2.csv")
clean = pd.concat([first, second], ignore_index=True).dropna()
clean.to_parquet("clean.parquet")
print(f"{len(clean)} clean rows")
