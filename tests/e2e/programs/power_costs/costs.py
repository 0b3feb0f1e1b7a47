# SPDX-License-Identifier: Apache-2.0
"""What the power of each meter cost: duckdb joins Parquet files, a CSV and frames, and writes files itself."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

OUT = Path("out")
FIXED = 0.31


def markups(tariffs: pd.DataFrame) -> pd.DataFrame:
    """What is added to the market price, by tariff; the fixed one has a price of its own."""
    names = tariffs["tariff"].drop_duplicates().sort_values()
    return pd.DataFrame({"tariff": names, "markup": names.map({"spot": 0.02, "fixed": 0.0})})


def costs_by_meter(connection: duckdb.DuckDBPyConnection, contracts: pd.DataFrame, prices: pd.DataFrame) -> None:
    connection.register("contracts", contracts)
    connection.register("markups", markups(contracts))
    connection.execute("CREATE TABLE prices AS SELECT CAST(hour AS TIMESTAMP) AS hour, price FROM spot", {})
    connection.execute(
        f"""
        COPY (
            SELECT m.meter, c.tariff, sum(m.kwh) AS kwh,
                   sum(m.kwh * CASE c.tariff WHEN 'fixed' THEN {FIXED} ELSE p.price + u.markup END) AS cost
            FROM 'meters/*.parquet' AS m
            JOIN contracts AS c USING (meter)
            JOIN markups AS u USING (tariff)
            JOIN prices AS p USING (hour)
            GROUP BY ALL ORDER BY m.meter
        ) TO 'out/costs.parquet' (FORMAT parquet)
        """
    )


def busiest_hours(connection: duckdb.DuckDBPyConnection, region: str) -> pd.DataFrame:
    query = """
        SELECT hour, sum(kwh) AS kwh, count(DISTINCT meter) AS meters
        FROM read_parquet(?) GROUP BY hour ORDER BY kwh DESC, hour LIMIT 10
    """
    return connection.execute(query, [f"meters/{region}.parquet"]).df()


def peaks(connection: duckdb.DuckDBPyConnection) -> None:
    """Per day and region, as relations, without SQL of our own around them."""
    east = connection.read_parquet("meters/east.parquet")
    daily = east.aggregate("meter, date_trunc('day', hour) AS day, max(kwh) AS peak", "meter, day")
    daily.filter("peak > 1").order("meter, day").write_csv("out/peaks_east.csv")


def invoices(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    costs = pd.read_parquet(OUT / "costs.parquet")
    addresses = pd.read_csv("addresses.csv")
    assert len(costs) <= len(addresses)
    # By their names in this function, as duckdb allows.
    return connection.sql(
        "SELECT a.street || ' ' || a.number AS address, round(c.cost, 2) AS amount "
        "FROM costs c JOIN addresses a USING (meter) ORDER BY c.meter"
    ).df()


def main() -> None:
    OUT.mkdir(exist_ok=True)
    contracts = pd.read_parquet("contracts.parquet")
    spot = pd.read_csv("spot_prices.csv", parse_dates=["hour"])
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.register("spot", spot)
        costs_by_meter(connection, contracts, spot)
        for region in ("north", "west"):
            busiest_hours(connection, region).to_csv(OUT / f"busiest_{region}.csv", index=False)
        peaks(connection)
        invoices(connection).to_csv(OUT / "invoices.csv", index=False)
    # Prices of the month for the web site; nothing of the meters is in it.
    spot.set_index("hour")["price"].resample("D").mean().round(4).to_csv(OUT / "daily_prices.csv")

    try:
        duckdb.sql("COPY (SELECT * FROM 'meters/south.parquet') TO 'out/south.csv'")
    except duckdb.IOException:
        (OUT / "gaps.txt").write_text("south\n")


if __name__ == "__main__":
    main()
