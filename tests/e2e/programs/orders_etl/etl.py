# SPDX-License-Identifier: Apache-2.0
"""Monthly figures of a shop: orders are joined with customers and products, checked, and summed up."""

from __future__ import annotations

import json
import logging
import sys
import tomllib
from pathlib import Path

import pandas as pd

log = logging.getLogger("etl")


def load_settings(path: str) -> dict:
    with open(path, "rb") as file:
        return tomllib.load(file)


def load_orders(folder: Path) -> pd.DataFrame:
    parts = [pd.read_csv(path, parse_dates=["day"]) for path in sorted(folder.glob("orders_*.csv"))]
    orders = pd.concat(parts, ignore_index=True)
    log.info("%d orders in %d files", len(orders), len(parts))
    return orders.drop(columns="comment")


def split_returns(orders: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    returned = orders["quantity"] < 0
    return orders[~returned & (orders["quantity"] != 0)], orders[returned].assign(quantity=lambda f: -f["quantity"])


def order_lines(orders: pd.DataFrame, customers: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    lines = orders.merge(products, on="sku", how="left", validate="many_to_one")
    lines = lines.merge(customers, on="customer_id", how="left")
    lines["amount"] = lines["quantity"] * lines["price"]
    lines["month"] = lines["day"].dt.strftime("%Y-%m")
    return lines.sort_values(["day", "order_id"], ignore_index=True)


def revenue(lines: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    grouped = lines.groupby(by, as_index=False).agg(revenue=("amount", "sum"), orders=("order_id", "nunique"))
    grouped["share"] = (grouped["revenue"] / grouped["revenue"].sum()).round(4)
    return grouped


def best_customers(lines: pd.DataFrame, count: int) -> pd.Series:
    totals = lines.groupby("customer_id")["amount"].sum()
    return totals.nlargest(count).rename("amount")


def working_days(calendar: pd.DataFrame) -> pd.DataFrame:
    open_days = calendar.loc[~calendar["holiday"], ["day"]].copy()
    open_days["month"] = open_days["day"].str.slice(0, 7)
    return open_days.groupby("month").size().rename("working_days").reset_index()


def main() -> int:
    settings = load_settings(sys.argv[1])
    logging.basicConfig(filename=settings["log"], level=logging.INFO, format="%(levelname)s %(message)s")
    source, target = Path(settings["source"]), Path(settings["target"])
    target.mkdir(exist_ok=True)

    # Not used for the orders: the shop's opening days go to another department.
    working_days(pd.read_csv(source / "calendar.csv")).to_csv(target / "working_days.csv", index=False)

    customers = pd.read_csv(source / "customers.csv", dtype={"country": "category", "segment": "category"})
    products = pd.read_json(source / "products.json")
    orders, returns = split_returns(load_orders(source))
    log.info("%d orders, %d returns", len(orders), len(returns))
    returns.merge(products[["sku", "category"]], on="sku").to_csv(target / "returns.csv", index=False)

    lines = order_lines(orders, customers, products)
    lines.to_parquet(target / "order_lines.parquet", index=False)
    revenue(lines, ["country", "segment"]).to_csv(target / "revenue_by_country.csv", index=False)
    monthly = revenue(lines, ["month", "category"])
    monthly.pivot_table(index="month", columns="category", values="revenue").to_csv(target / "revenue_by_month.csv")
    best_customers(lines, settings["best"]).to_csv(target / "best_customers.csv")

    with open(source / "rates.json") as file:
        rates = json.load(file)
    foreign = orders.assign(rate=orders["currency"].map(rates))
    foreign.groupby("currency")[["quantity", "rate"]].mean().to_csv(target / "currencies.csv")

    summary = {"revenue": round(float(lines["amount"].sum()), 2), "orders": len(orders), "returns": len(returns)}
    with open(target / "summary.json", "w") as file:
        json.dump(summary, file, indent=2)
    log.info("done")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
