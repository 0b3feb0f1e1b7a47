# SPDX-License-Identifier: Apache-2.0
"""Sessions, slow pages and errors out of page views: a lazy pipeline over all days, streamed to disk."""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

import polars as pl

SESSION_GAP = 1800


def load(views: str, visitors: Path) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    lazy = pl.scan_parquet(views, include_file_paths="path").with_columns(
        day=pl.col("path").str.extract(r"(\d{4}-\d\d-\d\d)").str.to_date()
    )
    return lazy.drop("path"), pl.scan_csv(visitors)


def with_sessions(views: pl.LazyFrame) -> pl.LazyFrame:
    """Number the sessions of each visitor: a new one begins after half an hour of silence."""
    silence = pl.col("second").diff().over("visitor", "day", order_by="second")
    return (
        views.filter(pl.col("status") == 200)
        .with_columns(starts=(silence.is_null() | (silence > SESSION_GAP)).cast(pl.Int32))
        .with_columns(session=pl.col("starts").cum_sum().over("visitor", "day", order_by="second"))
        .drop("starts")
    )


def sessions(views: pl.LazyFrame, visitors: pl.LazyFrame) -> pl.LazyFrame:
    return (
        with_sessions(views)
        .group_by("visitor", "day", "session")
        .agg(
            pages=pl.len(),
            seconds=pl.col("second").max() - pl.col("second").min(),
            first_page=pl.col("page").sort_by("second").first(),
        )
        .join(visitors, on="visitor", how="left")
    )


def slow_pages(views: pl.LazyFrame, pages: pl.DataFrame, count: int) -> pl.DataFrame:
    slowest = (
        views.group_by("page")
        .agg(p95=pl.col("milliseconds").quantile(0.95), views=pl.len())
        .sort("p95", descending=True)
        .head(count)
    )
    return slowest.join(pages.lazy(), on="page", how="left").collect()


def errors_by_hour(views: pl.LazyFrame) -> pl.LazyFrame:
    return (
        views.filter(pl.col("status") >= 400)
        .group_by("day", hour=pl.col("second") // 3600)
        .agg(missing=(pl.col("status") == 404).sum(), broken=(pl.col("status") >= 500).sum())
        .sort("day", "hour")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", default="views/*.parquet")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--slowest", type=int, default=20)
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)

    views, visitors = load(options.views, Path("visitors.csv"))
    sessions(views, visitors).sink_parquet(options.out / "sessions.parquet")
    errors_by_hour(views).sink_csv(options.out / "errors.csv")

    pages = pl.read_ndjson("pages.ndjson")
    slow_pages(views, pages, options.slowest).write_csv(options.out / "slow_pages.csv")

    # Of what was just written, by channel and for the newsletter.
    by_channel = (
        pl.scan_parquet(options.out / "sessions.parquet")
        .group_by("channel")
        .agg(pl.col("pages").mean(), pl.col("seconds").mean(), sessions=pl.len())
        .sort("channel")
        .collect()
    )
    by_channel.write_json(options.out / "channels.json")

    # Another report that has nothing to do with the visits.
    costs = pl.read_csv("campaigns.csv").with_columns(cents=pl.col("cost") * 100)
    costs.write_ipc(options.out / "campaigns.arrow")

    first, last = views.select(pl.col("day").min(), last=pl.col("day").max()).collect().row(0)
    assert isinstance(first, date)
    (options.out / "period.json").write_text(json.dumps({"from": first.isoformat(), "to": last.isoformat()}))


if __name__ == "__main__":
    main()
