# SPDX-License-Identifier: Apache-2.0
"""Loads the files of the tills into the warehouse: staging, checks, facts, a summary by view."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from pathlib import Path

SALE = "INSERT INTO staging_sale VALUES (:shop, :article, :pieces, :paid, :day)"


def records(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def load_dimensions(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT OR REPLACE INTO shop VALUES (:shop, :city)", records(Path("shops.csv")))
    connection.executemany("INSERT OR REPLACE INTO article VALUES (:article, :family)", records(Path("articles.csv")))


def load_sales(connection: sqlite3.Connection) -> None:
    for path in sorted(Path("tills").glob("*.csv")):
        connection.executemany(SALE, records(path))
    connection.execute(
        """
        INSERT INTO sale (shop, article, family, pieces, paid, month)
        SELECT s.shop, s.article, a.family, s.pieces, s.paid, substr(s.day, 1, 7)
        FROM staging_sale s JOIN article a ON a.article = s.article
        WHERE s.pieces > 0
        """
    )
    connection.execute("DELETE FROM staging_sale")


def check(connection: sqlite3.Connection) -> None:
    if not connection.execute("SELECT count(*) FROM sale").fetchone()[0]:
        raise LookupError("no article is known yet")


def take_over_archive(connection: sqlite3.Connection) -> None:
    """Last year's sales; families have changed since, so that they are looked up anew."""
    connection.commit()
    connection.execute("ATTACH DATABASE ? AS archive", ("archive.db",))
    connection.execute(
        """
        INSERT INTO sale
        SELECT old.shop, old.article, a.family, old.pieces, old.paid, substr(old.day, 1, 7)
        FROM archive.sale AS old JOIN article a USING (article)
        """
    )
    connection.commit()
    connection.execute("DETACH DATABASE archive")


def summarise(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM monthly")
    connection.execute(
        """
        WITH best AS (SELECT month, max(paid) AS paid FROM city_month GROUP BY month)
        INSERT INTO monthly SELECT c.month, c.city, c.paid FROM city_month c JOIN best USING (month, paid)
        """
    )


def main() -> None:
    connection = sqlite3.connect("warehouse.db")
    try:
        connection.executescript(Path("schema.sql").read_text())
        try:
            with connection:
                load_sales(connection)
                check(connection)
        except LookupError as error:
            # On an empty warehouse the sales come before what they refer to: once more, in the other order.
            print("rolled back:", error)
        with connection:
            load_dimensions(connection)
            load_sales(connection)
        take_over_archive(connection)
        with connection:
            summarise(connection)
    finally:
        connection.close()


if __name__ == "__main__":
    main()
