# SPDX-License-Identifier: Apache-2.0
"""polars: what is read, scanned, sunk and written, and which reads a written frame comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from otelprov.capture.flow import frames
from otelprov.capture.flow.following import Following, both
from otelprov.capture.flow.iterated import concatenates
from otelprov.capture.tables.table_io import closes, opens
from otelprov.instrumentation import Instrumentor, Patch
from otelprov_instrumentors.polars import columns, follow, lazy, sql, tables

_NAMESPACES = (
    ("str", "string.{}StringNameSpace"),
    ("dt", "datetime.{}DateTimeNameSpace"),
    ("list", "list.{}ListNameSpace"),
    ("arr", "array.{}ArrayNameSpace"),
    ("bin", "binary.{}BinaryNameSpace"),
    ("cat", "categorical.{}CatNameSpace"),
    ("struct", "struct.{}StructNameSpace"),
    ("name", "name.{}NameNameSpace"),
    ("ext", "ext.{}ExtensionNameSpace"),
)
frames.declare(
    "polars",
    data=("DataFrame", "Series", "LazyFrame"),
    carriers=(
        *("Expr", "When", "Then", "ChainedWhen", "ChainedThen", "GroupBy", "RollingGroupBy", "DynamicGroupBy"),
        *("LazyGroupBy", "InProcessQuery", "SingleNodeQueryResult", "_CollectBatches"),
        *(name.rpartition(".")[2].format(kind) for _, name in _NAMESPACES for kind in ("", "Expr")),
    ),
)
frames.declare("xlsxwriter", carriers=("Workbook",))

_READERS = {
    "csv": "csv",
    "parquet": "parquet",
    "ipc": "arrow",
    "ipc_stream": "arrow",
    "json": "json",
    "ndjson": "jsonl",
}
_READERS |= {"excel": "excel", "ods": "ods", "avro": "avro", "lines": "text"}
_SCANNERS = {"csv": "csv", "parquet": "parquet", "ipc": "arrow", "ndjson": "jsonl", "lines": "text"}
_SINKS = {"csv": "csv", "parquet": "parquet", "ipc": "arrow", "ndjson": "jsonl"}
_WRITERS = {**_SINKS, "ipc_stream": "arrow", "json": "json", "avro": "avro"}
_COMPARED = "eq ne lt le gt ge"
_DUNDERS = {
    "DataFrame": f"{_COMPARED} add radd sub mul rmul truediv floordiv mod",
    "Series": (
        f"{_COMPARED} add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow and rand or ror "
        "xor rxor matmul rmatmul neg pos invert abs array_ufunc"
    ),
}
_DUNDERS["Expr"] = _DUNDERS["Series"].replace(" matmul rmatmul", "")
_COLLECTORS = "collect collect_async collect_batches execute profile fetch"
_FRAMES = (
    *("DataFrame", "LazyFrame", "lazyframe.group_by.LazyGroupBy", "dataframe.group_by.GroupBy"),
    *("dataframe.group_by.RollingGroupBy", "dataframe.group_by.DynamicGroupBy"),
)
_OTHERS = (
    "lazyframe.in_process.InProcessQuery lazyframe.query_result.SingleNodeQueryResult "
    "expr.whenthen.When expr.whenthen.Then expr.whenthen.ChainedWhen expr.whenthen.ChainedThen"
)
_COLUMNS = (  # Methods that show where their columns come from.
    ("filter remove sort unique top_k bottom_k", follow.methods(columns.same, taking=True)),
    ("head tail limit drop drop_nulls drop_nans sample clone reverse gather_every lazy", follow.methods(columns.same)),
    ("select select_seq", follow.methods(columns.selects, taking=True)),
    ("with_columns with_columns_seq", follow.methods(columns.adds, taking=True)),
    ("group_by", follow.methods(columns.groups, taking=True)),
    ("agg", follow.methods(columns.aggregates, taking=True)),
    ("rename", follow.methods(columns.renames)),
    ("hstack", follow.methods(columns.changes, taking=True)),
    ("extend vstack insert_column replace_column drop_in_place", follow.methods(columns.changes)),
)
# What iterators over a frame call for each part.
_KEPT = "DataFrame.slice DataFrame.rechunk"
# Functions of the program that are called whenever a plan is looked at.
_CALLING = "LazyFrame.pipe_with_schema defer io.plugins.register_io_source"
_polars = Following("polars")
_value = _polars.into_self("value", 2)


def _is_left(function: Callable[..., Any]) -> bool:
    # `pipe` returns what a function of the program returns; others are imported from elsewhere.
    return function.__name__ == "pipe" or not function.__module__.startswith("polars")


def _rows(targets: str, function: Callable[..., None]) -> tuple[Patch, ...]:
    return tuple(Patch("polars", name, follow=function, leave=_is_left) for name in targets.split())


def _dunders(owner: str, function: Callable[..., None]) -> tuple[Patch, ...]:
    return _rows(" ".join(f"{owner}.__{name}__" for name in _DUNDERS[owner].split()), function)


def _namespaces(owner: str, kind: str, function: Callable[..., None]) -> tuple[Patch, ...]:
    classes = (f"{owner.lower()}.{name.format(kind)}.*" for _, name in _NAMESPACES)
    return _rows(" ".join((*(f"{owner}.{name}" for name, _ in _NAMESPACES), *classes)), function)


class PolarsInstrumentor(Instrumentor):
    """Records what polars reads and writes, and follows frames, lazy or not, from the one to the other."""

    library = "polars"
    distribution = "polars"
    versions = ">=2,<3"
    patches = (
        *(Patch("polars", f"read_{name}", tables.reads(format_)) for name, format_ in _READERS.items()),
        *(Patch("polars", f"scan_{name}", lazy.scans(format_)) for name, format_ in _SCANNERS.items()),
        *(
            Patch("polars", f"LazyFrame.sink_{name}", lazy.sinks(format_), transparent=True)
            for name, format_ in _SINKS.items()
        ),
        *(Patch("polars", f"DataFrame.write_{name}", tables.writes(format_)) for name, format_ in _WRITERS.items()),
        Patch("polars", "DataFrame.write_excel", tables.writes("excel", "workbook")),
        Patch("xlsxwriter.workbook", "Workbook.__init__", opens("filename")),
        Patch("xlsxwriter.workbook", "Workbook.close", closes(format="excel")),
        *(
            Patch("polars", f"LazyFrame.{name}", lazy.collects, nested=True, transparent=True)
            for name in _COLLECTORS.split()
        ),
        Patch("polars", "LazyFrame.describe", lazy.describes),
        *(Patch("polars", name, lazy.collects_all, transparent=True) for name in ("collect_all", "collect_all_async")),
        *(
            Patch("polars", name, concatenates("items"), nested=True, transparent=True)
            for name in ("concat", "union", "merge_sorted")
        ),
        *_rows("SQLContext.register", sql.registers),
        Patch("polars", "SQLContext.execute", sql.queries, nested=True, transparent=True),
        Patch("polars.io.database._executor", "ConnectionExecutor.to_polars", follow=follow.fetched),
        *_rows("lit functions.lit", follow.literal),
        *_rows(_CALLING, both(lazy.calls_back, follow.results)),
        *_rows("*", follow.results),
        *_rows("DataFrame.__init__ LazyFrame.__init__", _polars.into_self("data", 1, whole=True)),
        *_rows(
            "Series.__init__",
            both(_polars.into_self("name", 1, whole=True), _polars.into_self("values", 2, whole=True)),
        ),
        *_rows("DataFrame.__setitem__ Series.__setitem__", both(_value, columns.changes)),
        *_rows("DataFrame.__getitem__ Series.__getitem__ LazyFrame.__getitem__", follow.selections),
        *_rows("DataFrame.__array__ Series.__array__", _polars.converted()),
        *_dunders("DataFrame", follow.results),
        *_dunders("Series", follow.results),
        *_dunders("Expr", follow.expressions),
        *(
            Patch("polars", f"{owner}.{name}", follow=function)
            for names, function in _COLUMNS
            for name in names.split()
            for owner in _FRAMES
        ),
        *_rows("DataFrame.join", follow.methods(columns.joins)),
        *_rows(_KEPT, both(follow.results, columns.same)),
        *_rows(" ".join(f"{name}.*" for name in (*_FRAMES, "Series", *_OTHERS.split())), follow.methods()),
        *_namespaces("Series", "", follow.methods()),
        *_namespaces("Expr", "Expr", follow.expressions),
        *_rows("Expr.*", follow.expressions),
        *_rows("lazyframe.engine._CollectBatches.__next__", follow.results),
    )
