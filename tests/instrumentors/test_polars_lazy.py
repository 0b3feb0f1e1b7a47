# SPDX-License-Identifier: Apache-2.0
"""What a lazy frame scans is read when it is executed, each time, and never before; what it sinks is written then."""

import asyncio
import io
import pathlib
import warnings

import polars as pl
import pytest
from arrow_plots import is_complete, make_plots, make_tables, observe, read_names, record_plots, written  # noqa: F401
from pandas_plots import BOTH, comes_from, sources
from table_plots import edges

from otelprov.semconv import PROVENANCE_ENTITY_FORMAT
from otelprov_instrumentors.polars import PolarsInstrumentor

SCANS = {
    "csv": lambda: pl.scan_csv("plots.csv"),
    "parquet": lambda: pl.scan_parquet(source="plots.parquet"),
    "arrow": lambda: pl.scan_ipc(pathlib.Path("plots.arrow")),
    "ndjson": lambda: pl.scan_ndjson("plots.ndjson"),
}


@pytest.mark.parametrize("ending", SCANS)
def test_a_scan_is_read_when_it_is_collected_and_each_time(recorded, ending):
    lazy = SCANS[ending]().filter(pl.col("area") > 2).select("plot", "area")
    assert lazy.collect_schema().names() == ["plot", "area"]
    lazy.explain()
    assert recorded.names() == []
    frame = lazy.collect()
    assert read_names(recorded) == [f"plots.{ending}"]
    assert comes_from(frame) == ([f"plots.{ending}"], True)
    again = lazy.collect(engine="streaming")
    assert read_names(recorded) == [f"plots.{ending}"] * 2
    assert comes_from(again) == ([f"plots.{ending}"], True)


def test_a_lazy_frame_that_is_never_executed_reads_nothing(recorded):
    lazy = pl.scan_csv("plots.csv").join(pl.scan_csv("yields.csv"), on="plot")
    del lazy
    assert recorded.names() == []


SINKS = {
    "csv": ("csv", lambda lazy, path: lazy.sink_csv(path)),
    "parquet": ("parquet", lambda lazy, path: lazy.sink_parquet(path=path)),
    "arrow": ("arrow", lambda lazy, path: lazy.sink_ipc(path)),
    "ndjson": ("jsonl", lambda lazy, path: lazy.sink_ndjson(path, engine="streaming")),
}


@pytest.mark.parametrize("ending", SINKS)
def test_a_sink_reads_and_writes_at_once(recorded, ending):
    format_, sink = SINKS[ending]
    assert sink(pl.scan_csv("plots.csv").join(pl.scan_csv("yields.csv"), on="plot"), f"out.{ending}") is None
    assert sorted(recorded.names()) == ["read plots.csv", "read yields.csv", f"write out.{ending}"]
    out = written(recorded, f"out.{ending}")
    assert (sources(out), is_complete(out)) == BOTH
    assert out.attributes[PROVENANCE_ENTITY_FORMAT] == format_


def test_each_file_of_a_pattern_is_an_input(recorded):
    pl.scan_parquet("[ny]*.parquet").sink_parquet("out.parquet")
    assert read_names(recorded) == ["noise.parquet", "yields.parquet"]
    assert edges(recorded) == {("noise.parquet", "out.parquet", "flow"), ("yields.parquet", "out.parquet", "flow")}


def test_what_a_sink_makes_in_the_folder_that_is_scanned_is_no_input(recorded):
    pl.scan_parquet("[nyo]*.parquet").sink_parquet("out.parquet")
    assert sources(written(recorded, "out.parquet")) == ["noise.parquet", "yields.parquet"]


def test_only_partitions_that_a_filter_asks_for_are_read(recorded):
    lazy = pl.scan_parquet("years/**/*.parquet", hive_partitioning=True)
    lazy.filter(pl.col("year") >= 2024).sink_csv("some.csv")
    assert sources(written(recorded, "some.csv")) == ["2024.parquet", "2025.parquet"]
    assert read_names(recorded) == ["2024.parquet", "2025.parquet"]
    assert comes_from(lazy.collect()) == (["2023.parquet", "2024.parquet", "2025.parquet"], True)


def test_partitions_of_which_none_is_asked_for_are_not_read(recorded):
    pl.scan_parquet("years").filter(pl.col("year") == 1999).sink_csv("none.csv")
    assert read_names(recorded) == []
    yields = pl.scan_parquet("yields.parquet").join(pl.scan_parquet("years").filter(pl.col("year") == 2023), on="plot")
    assert comes_from(yields.collect()) == (["2023.parquet", "yields.parquet"], True)


@pytest.mark.filterwarnings(
    "ignore::polars.exceptions.MapWithoutReturnDtypeWarning", "ignore::polars.exceptions.PolarsInefficientMapWarning"
)
def test_functions_of_the_program_are_called_no_more_often(recorded):
    called = []

    def own(value):
        called.append(1)
        return value

    def plan(lazy):
        return lazy.with_columns(pl.col("tons").map_elements(own)).filter(pl.col("year") == 2024)

    assert comes_from(plan(pl.scan_parquet("years")).collect()) == (["2024.parquet"], True)
    observed = len(called)
    called.clear()
    PolarsInstrumentor().uninstrument()
    try:
        plan(pl.scan_parquet("years")).collect()
    finally:
        PolarsInstrumentor().instrument()
    assert len(called) == observed > 0


def test_a_plan_that_calls_the_program_is_not_looked_at(recorded):
    called = []

    def function(lazy, schema):
        called.append(1)
        return lazy

    lazy = pl.scan_parquet("years").pipe_with_schema(function)
    found = lazy.filter(pl.col("year") == 2024).collect()
    assert len(called) == 1
    # Which of the partitions were read is not known: all of them may have been, none is known to be a source.
    assert comes_from(found) == ([], False)
    found.write_csv("out.csv")
    assert edges(recorded) == {(f"{year}.parquet", "out.csv", "order") for year in (2023, 2024, 2025)}


def test_a_planned_sink_writes_when_it_is_collected(recorded):
    planned = pl.scan_csv("plots.csv").sink_csv("out.csv", lazy=True)
    assert isinstance(planned, pl.LazyFrame)
    assert recorded.names() == []
    planned.collect()
    assert recorded.names() == ["read plots.csv", "write out.csv"]
    assert sources(written(recorded, "out.csv")) == ["plots.csv"]


@pytest.mark.parametrize("made", [list, tuple, iter, lambda lazies: (lazy for lazy in lazies)])
def test_many_are_collected_at_once(recorded, made):
    plots, yields = pl.scan_csv("plots.csv"), pl.scan_csv("yields.csv")
    both = plots.join(yields, on="plot")
    frames = pl.collect_all(made([plots, both, yields]))
    assert [comes_from(frame) for frame in frames] == [(["plots.csv"], True), BOTH, (["yields.csv"], True)]
    assert sorted(read_names(recorded)) == ["plots.csv", "yields.csv"]


def test_many_sinks_are_executed_at_once(recorded):
    plots = pl.scan_csv("plots.csv")
    both = plots.join(pl.scan_csv("yields.csv"), on="plot")
    pl.collect_all([plots.sink_csv("one.csv", lazy=True), both.sink_csv("two.csv", lazy=True)])
    assert edges(recorded) == {
        ("plots.csv", "one.csv", "flow"),
        ("plots.csv", "two.csv", "flow"),
        ("yields.csv", "two.csv", "flow"),
    }


def test_what_is_awaited_is_followed(recorded):
    async def main():
        lazy = pl.scan_csv("plots.csv")
        one = await lazy.collect_async()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            many = await pl.collect_all_async([lazy, pl.scan_csv("yields.csv")])
        await lazy.sink_csv("out.csv", lazy=True).collect_async()
        with pytest.raises(pl.exceptions.ColumnNotFoundError):
            await lazy.select("nothing").collect_async()
        return [one, *many]

    found = [comes_from(frame) for frame in asyncio.run(main())]
    assert found == [(["plots.csv"], True), (["plots.csv"], True), (["yields.csv"], True)]
    assert sources(written(recorded, "out.csv")) == ["plots.csv"]
    assert comes_from(pl.read_csv("out.csv")) == (["out.csv"], True)


@pytest.mark.filterwarnings("ignore::polars.exceptions.UnstableWarning")
def test_other_ways_to_execute_are_followed(recorded):
    lazy = pl.scan_csv("plots.csv")
    query = lazy.collect(background=True)
    assert comes_from(query.fetch_blocking()) == (["plots.csv"], True)
    assert [comes_from(batch) for batch in lazy.collect_batches(chunk_size=2)] == [(["plots.csv"], True)] * 2
    assert comes_from(lazy.execute().lazy().collect()) == (["plots.csv"], True)
    assert comes_from(lazy.describe())[0] == ["plots.csv"]
    assert set(read_names(recorded)) == {"plots.csv"}
    assert len(read_names(recorded)) == 4


@pytest.mark.filterwarnings("ignore::polars.exceptions.UnstableWarning")
def test_a_partitioned_sink_writes_each_file(recorded):
    pl.scan_csv("plots.csv").sink_parquet(pl.PartitionBy("by_crop", key="crop"), mkdir=True)
    spans = [span for span in recorded.io() if span.name.startswith("write ")]
    assert [sources(span) for span in spans] == [["plots.csv"], ["plots.csv"]]


def test_a_frame_made_lazy_reads_nothing_again(recorded):
    lazy = pl.read_csv("plots.csv").lazy().with_columns(pl.col("area") * 2)
    assert comes_from(lazy.collect()) == (["plots.csv"], True)
    assert read_names(recorded) == ["plots.csv"]


def test_open_files_and_buffers_are_scanned(recorded):
    with open("plots.csv", "rb") as file:
        lazy = pl.scan_csv(file)
    assert comes_from(lazy.collect()) == (["plots.csv"], True)
    buffer = io.BytesIO()
    lazy.sink_parquet(buffer)
    buffer.seek(0)
    assert comes_from(pl.scan_parquet(buffer).collect()) == (["plots.csv"], True)
    with open("out.csv", "wb") as file:
        lazy.sink_csv(file)
    assert sources(written(recorded, "out.csv")) == ["plots.csv"]
    assert read_names(recorded) == ["plots.csv"]


def test_an_execution_that_fails_reads_and_writes_nothing(recorded):
    lazy = pl.scan_csv("plots.csv")
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        lazy.select("nothing").sink_csv("out.csv")
    with pytest.raises(FileNotFoundError):
        pl.scan_csv("missing.csv").collect()
    with pytest.raises(TypeError):
        lazy.collect(nonsense=1)
    assert recorded.names() == []


def test_what_is_read_by_the_program_within_a_plan_is_read(recorded):
    def joined(frame):
        return frame.join(pl.read_csv("yields.csv"), on="plot")

    lazy = pl.scan_csv("plots.csv").map_batches(joined, validate_output_schema=False)
    lazy.collect()
    assert sorted(read_names(recorded)) == ["plots.csv", "yields.csv"]


@pytest.mark.filterwarnings("ignore::polars.exceptions.UnstableWarning")
class TestSql:
    def test_a_query_comes_from_the_tables_that_it_names(self, recorded):
        plots, noise = pl.scan_csv("plots.csv"), pl.read_csv("noise.csv")
        context = pl.SQLContext(plots=plots, area=noise)
        context.register("yields", pl.scan_parquet("yields.parquet"))
        query = "with p as (select * from plots) select p.area, y.tons from p join yields y using (plot)"
        lazy = context.execute(query)
        assert comes_from(lazy.collect()) == (["plots.csv", "yields.parquet"], True)
        eager = context.execute("select area from plots", eager=True)
        assert comes_from(eager) == (["plots.csv"], True)

    def test_tables_of_the_program_are_found_by_their_variables(self, recorded):
        plots, yields = pl.read_csv("plots.csv"), pl.scan_csv("yields.csv")
        joined = pl.sql("select * from plots join yields using (plot)").collect()
        assert comes_from(joined) == BOTH
        assert comes_from(plots.sql("select area from self")) == (["plots.csv"], True)
        assert yields is not None

    def test_files_in_a_query_are_read_when_it_is_executed(self, recorded):
        lazy = pl.sql("select * from read_csv('plots.csv') join read_parquet('yields.parquet') using (plot)")
        assert recorded.names() == []
        assert comes_from(lazy.collect()) == (["plots.csv", "yields.parquet"], True)

    def test_tables_made_by_a_query_come_from_its_tables(self, recorded):
        context = pl.SQLContext(plots=pl.scan_csv("plots.csv"), known=pl.DataFrame({"plot": [1]}))
        context.execute("create table rye as select * from plots where crop = 'rye'")
        assert comes_from(context.execute("select * from rye").collect()) == (["plots.csv"], True)
        mixed = context.execute("select * from rye join known using (plot)").collect()
        assert comes_from(mixed) == (["plots.csv"], False)

    def test_of_partitions_in_a_query_that_is_executed_at_once_none_is_known_to_be_a_source(self, recorded):
        context = pl.SQLContext(years=pl.scan_parquet("years"), plots=pl.scan_csv("plots.csv"))
        some = context.execute("select plot from years where year = 2024 union all select plot from plots", eager=True)
        assert comes_from(some) == (["plots.csv"], False)
        later = context.execute("select plot from years where year = 2024").collect()
        assert comes_from(later) == (["2024.parquet"], True)
