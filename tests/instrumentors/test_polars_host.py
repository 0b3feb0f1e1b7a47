# SPDX-License-Identifier: Apache-2.0
"""A program that uses polars or pyarrow sees no difference: results, exceptions, warnings, plans, types, speed."""

import copy
import inspect
import io
import pickle
import time
import traceback
import warnings

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from arrow_plots import INSTRUMENTORS, make_plots, make_tables, observe, record_plots  # noqa: F401
from pandas_plots import sources as sources_of

from otelprov.capture.flow.identity import origins_of
from otelprov.capture.inside import quietly
from otelprov.capture.io import record_io
from otelprov.model.entity import Entity
from otelprov.semconv import PROVENANCE_FLOW_COMPLETE, PROVENANCE_OPERATION_WRITE
from otelprov.testing import recording


def outcome(action):
    """What a program can see of an action: result, or type and message of the exception, and its warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result = action()
        except Exception as error:
            result = (type(error), str(error), [frame.name for frame in traceback.extract_tb(error.__traceback__)][-1])
    if isinstance(result, (pl.DataFrame, pl.Series, pa.Table)):
        result = (type(result), str(result))
    return result, [(type(one.message), str(one.message), one.filename, one.lineno) for one in told]


def _plan():
    lazy = pl.scan_parquet("years", hive_partitioning=True).join(pl.scan_csv("yields.csv"), on="plot")
    lazy = lazy.filter(pl.col("year") > 2023).group_by("plot").agg(pl.col("tons").sum()).head(3)
    sink = lazy.sink_csv("never.csv", lazy=True)
    return [plan.explain(optimized=optimized) for plan in (lazy, sink) for optimized in (True, False)]


def _lazy_state():
    lazy = pl.scan_csv("plots.csv").select("plot")
    return lazy.collect_schema(), type(lazy).__mro__, sorted(vars(lazy)), lazy.collect().rows()


def _subclass():
    class Mine(pl.DataFrame):
        pass

    frame = Mine({"a": [1, 2]})
    return type(frame.filter(pl.col("a") > 1)).__name__, type(frame).__name__


def _namespace():
    class Own:
        def __init__(self, frame):
            self.frame = frame

        def doubled(self):
            return self.frame * 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pl.api.register_dataframe_namespace("mine")(Own)
    return pl.DataFrame({"a": [1]}).mine.doubled()


def _pickled():
    frame = pl.read_csv("plots.csv")
    table = pq.read_table("plots.parquet")
    return pickle.loads(pickle.dumps(frame)).equals(frame), pickle.loads(pickle.dumps(table)).equals(table)


def _copied():
    frame = pl.read_csv("plots.csv")
    return copy.deepcopy(frame).equals(frame), copy.copy(frame["plot"]).to_list()


def _generator_that_fails():
    def frames():
        yield pl.DataFrame({"a": [1]})
        raise RuntimeError("in the middle")

    return pl.concat(frames())


def _iterated():
    frame = pl.read_csv("plots.csv")
    return (
        list(frame.iter_rows()),
        [column.name for column in frame],
        len(frame),
        [key for key, _ in frame.group_by("plot", maintain_order=True)],
    )


def _buffer():
    buffer = io.BytesIO()
    pl.read_csv("plots.csv").write_parquet(buffer)
    return buffer.tell(), buffer.closed


def _parquet_file():
    with pq.ParquetFile("plots.parquet") as file:
        batches = file.iter_batches(batch_size=2)
        return type(batches).__name__, [batch.num_rows for batch in batches]


ACTIONS = {
    "plan": _plan,
    "lazy": _lazy_state,
    "subclass": _subclass,
    "namespace": _namespace,
    "pickled": _pickled,
    "copied": _copied,
    "failing generator": _generator_that_fails,
    "iterated": _iterated,
    "buffer": _buffer,
    "parquet file": _parquet_file,
    "missing file": lambda: pl.read_csv("missing.csv"),
    "missing scan": lambda: pl.scan_parquet("missing/*.parquet").collect(),
    "missing column": lambda: pl.read_csv("plots.csv").select("nothing"),
    "missing argument": lambda: pl.read_csv(),
    "unknown argument": lambda: pl.scan_csv("plots.csv", nonsense=1),
    "removed argument": lambda: pl.read_csv("plots.csv", row_count_name="n"),
    "bad sink": lambda: pl.scan_csv("plots.csv").sink_parquet("no/such/folder.parquet"),
    "bad collect": lambda: pl.collect_all([1]),
    "bad concat": lambda: pl.concat([pl.DataFrame({"a": [1]}), 1]),
    "empty concat": lambda: pl.concat([]),
    "bad query": lambda: pl.sql("select from where").collect(),
    "unknown table": lambda: pl.sql("select * from nowhere").collect(),
    "attribute": lambda: pl.DataFrame({"a": [1]}).nothing,
    "truth": lambda: bool(pl.DataFrame({"a": [1]})),
    "unstable": lambda: pl.PartitionBy("there", key="a").__class__.__name__,
    "deprecated": lambda: pl.Series([1]).is_in(pl.Series([1])),
    "slow map": lambda: pl.DataFrame({"a": [1, 2]}).with_columns(pl.col("a").map_elements(lambda a: a + 1)),
    "table": lambda: pq.read_table("plots.parquet", columns=["plot"]),
    "missing table": lambda: pq.read_table("missing.parquet"),
    "bad table": lambda: pq.write_table([1], "bad.parquet"),
    "bad argument": lambda: pq.read_table(),
    "bad compute": lambda: pc.add(pa.array([1]), pa.array(["a"])),
    "bad join": lambda: pq.read_table("plots.parquet").join(pa.table({"x": [1]}), "plot"),
    "bad dataset": lambda: ds.dataset([1]),
    "bad schema": lambda: pq.ParquetWriter("x.parquet", pa.schema([("a", pa.int64())])).write_table(
        pa.table({"b": [1]})
    ),
    "csv": lambda: pa.csv.read_csv("plots.csv"),
    "repr": lambda: (repr(pl.read_csv), repr(pa.csv.read_csv))[0].split(" at ")[0],
}


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_has_the_same_outcome(plots, name):
    action = ACTIONS[name]
    expected = outcome(action)
    instrumentors = [each() for each in INSTRUMENTORS]
    for instrumentor in instrumentors:
        instrumentor.instrument()
    try:
        with recording(plots / "home", strict=False):
            found = outcome(action)
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()
    assert found == expected


def test_signatures_and_types_are_those_of_the_library(plots):
    def seen():
        functions = (pl.read_csv, pl.scan_parquet, pl.concat, pl.lit, pl.DataFrame.join, pl.LazyFrame.collect)
        functions += (
            pl.DataFrame._from_pydf,
            pq.write_table,
            pa.csv.read_csv,
            pa.concat_tables,
            pq.ParquetWriter.write,
        )
        told = [(str(inspect.signature(each)), each.__name__, each.__doc__, each.__module__) for each in functions]
        return told, type(vars(pl.Series)["str"]), type(vars(pl.DataFrame)["deserialize"]), type(pl.Series.shape)

    expected = seen()
    instrumentors = [each() for each in INSTRUMENTORS]
    for instrumentor in instrumentors:
        instrumentor.instrument()
    try:
        found = seen()
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()
    assert found == expected


def test_what_is_only_planned_is_no_source_but_what_it_has_read_is(recorded):
    def write():
        entity, sources = Entity("file", "/nowhere/out.bin", "file"), origins_of(lazy)
        record_io(PROVENANCE_OPERATION_WRITE, entity, scope="otelprov.test", start=time.time_ns(), sources=sources)
        span = recorded.io()[-1]
        return sources_of(span), span.attributes[PROVENANCE_FLOW_COMPLETE]

    lazy = pl.scan_csv("plots.csv")
    assert write() == ([], False)
    with quietly():
        # As a library does that is given a lazy frame.
        lazy.collect()
    assert write() == (["plots.csv"], True)
    assert recorded.names() == ["write out.bin", "read plots.csv", "write out.bin"]
