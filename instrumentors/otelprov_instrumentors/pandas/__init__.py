# SPDX-License-Identifier: Apache-2.0
"""pandas: what is read and written, and which reads a written frame comes from."""

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap
from typing import Any

from otelprov.capture.flow import frames
from otelprov.capture.flow.following import Following, both
from otelprov.capture.sql.sql_tables import fetched, writes_table
from otelprov.capture.tables.stores import stores
from otelprov.capture.tables.table_io import aside, closes, opens, reads, reads_store, writes
from otelprov.instrumentation import Instrumentor, Patch
from otelprov_instrumentors.pandas import columns
from otelprov_instrumentors.pandas.parts import reads_parts, writes_parts

frames.declare(
    "pandas",
    data=("NDFrame", "ExtensionArray"),
    carriers=(
        *("Index", "TextFileReader", "JsonReader", "StataReader", "SASReader", "ExcelFile", "ExcelWriter", "HDFStore"),
        *("ReaderBase", "Styler"),
    ),
    holders=("BaseGroupBy", "BaseWindow", "NDFrameIndexerBase"),
)

_SOURCES = {  # The argument that says what is read.
    "filepath_or_buffer": "csv table fwf pickle stata sas",
    "path": "feather orc spss",
    "path_or_buf": "json",
    "path_or_buffer": "xml",
    "io": "excel html",
}
_TARGETS = {  # The argument that says where is written.
    "path_or_buf": "core.generic.NDFrame.to_csv core.generic.NDFrame.to_json",
    "path": ("core.generic.NDFrame.to_pickle DataFrame.to_feather DataFrame.to_orc DataFrame.to_stata"),
    "path_or_buffer": "DataFrame.to_xml",
    "buf": (
        "DataFrame.to_html core.generic.NDFrame.to_latex DataFrame.to_string Series.to_string DataFrame.to_markdown "
        "Series.to_markdown"
    ),
    "excel_writer": "core.generic.NDFrame.to_excel",
}
_FORMATS = {"table": "csv", "fwf": "text", "string": "text", "hdf": "hdf5"}
_STYLED = {"to_html": "buf", "to_latex": "buf", "to_string": "buf", "to_excel": "excel_writer"}
_LOOK_UPS = "SQLiteDatabase.has_table SQLDatabase.has_table SQLDatabase.get_table SQLDatabase.check_case_sensitive"
_HDF = "SeriesFixed.read BlockManagerFixed.read AppendableFrameTable.read AppendableSeriesTable.read Table.read_column"
# Not `isna` and `notna`: pandas itself calls them for each cell that it writes, and they say nothing but yes and no.
_FUNCTIONS = (
    "concat merge merge_asof merge_ordered melt pivot pivot_table crosstab wide_to_long get_dummies from_dummies cut "
    "qcut to_numeric to_datetime to_timedelta factorize unique eval array"
)
_CLASSES = (
    "DataFrame Series core.generic.NDFrame core.base.IndexOpsMixin ExcelFile io.parsers.readers.TextFileReader "
    "io.json._json.JsonReader core.resample.Resampler core.window.rolling.BaseWindow core.window.rolling.Window "
    "core.window.rolling.RollingAndExpandingMixin core.window.rolling.Rolling core.window.expanding.Expanding "
    "core.window.ewm.ExponentialMovingWindow core.groupby.groupby.BaseGroupBy core.groupby.groupby.GroupBy "
    "core.groupby.generic.SeriesGroupBy core.groupby.generic.DataFrameGroupBy io.stata.StataReader"
)
_OPERATIONS = (
    "DataFrame._arith_method DataFrame._cmp_method DataFrame._logical_method Series._arith_method Series._cmp_method "
    "Series._logical_method core.generic.NDFrame.__array_ufunc__"
)
_CHOPPED = "core.groupby.ops.SeriesSplitter._chop core.groupby.ops.FrameSplitter._chop"
_SELECTIONS = (
    "DataFrame.__getitem__ Series.__getitem__ core.base.SelectionMixin.__getitem__ "
    "core.groupby.generic.DataFrameGroupBy.__getitem__ core.indexing._LocationIndexer.__getitem__"
)
# What the program gives these is no code, and they say themselves where their result comes from.
_CLOSED = ("DataFrame.merge", "merge", "Series.between")
_SETTERS = (
    "DataFrame._setitem_array DataFrame._setitem_frame DataFrame._set_item_frame_value "
    "Series._set_values core.indexing._iLocIndexer._setitem_with_indexer"
)
_CHUNKS = "io.json._json.JsonReader.__next__ io.stata.StataReader.__next__"
# Imported when first used.
_SAS = {"sas7bdat": "SAS7BDATReader", "sas_xport": "XportReader"}
_CONVERSIONS = "DataFrame.__array__ Series.__array__ DataFrame.values Series.values"
# What the program is seen to call where it writes `a + b`, and where it sets something.
_OPERATORS = "add sub mul truediv floordiv mod divmod pow and or xor eq ne lt le gt ge"
_OPERATED = ("new_method", *(f"__{reflected}{name}__" for name in _OPERATORS.split() for reflected in ("", "r")))
_SET = ("__setitem__", "assign", "__setattr__", "update")


def _is_left(function: Callable[..., Any]) -> bool:
    # They warn of chained assignment by the number of references to `self`, of which a wrapper would be one more.
    # `pipe` returns whatever the program's function does; `align` mixes nothing; positions for `take` are no data.
    return "getrefcount" in unwrap(function).__code__.co_names or function.__name__ in ("pipe", "align", "take")


def _always(args: tuple[Any, ...]) -> bool:
    return True


def _follow(
    targets: str, follow: Callable[..., None], *, closed: Callable[[tuple[Any, ...]], bool] | None = None
) -> list[Patch]:
    return [Patch("pandas", name, follow=follow, leave=_is_left, closed=closed) for name in targets.split()]


_pandas = Following("pandas")
_put = _pandas.into_self("value", 2, *_SET)
_filled = both(_pandas.argument_of("fillna", "value"), _pandas.argument_of("update", "other"))
_finalized = _pandas.finalized("input_objs", "objs", "left", "right", via=("concat",), fillna="value")
_replaced = _pandas.into_self("result", 1, internal=True)
_chosen = both(_pandas.results("where", "mask"), _pandas.into_self("other", 2, *_SET))


class PandasInstrumentor(Instrumentor):
    """Records what pandas reads and writes, and follows frames from the one to the other."""

    library = "pandas"
    distribution = "pandas"
    versions = ">=2.2,<4"
    patches = (
        *(
            Patch("pandas", f"read_{name}", reads(source, format=_FORMATS.get(name, name)))
            for source, readers in _SOURCES.items()
            for name in readers.split()
        ),
        *(
            Patch("pandas", f"{owner}to_{name}", writes(target, format=_FORMATS.get(name, name)))
            for target, writers in _TARGETS.items()
            for owner, _, name in (writer.partition("to_") for writer in writers.split())
        ),
        Patch("pandas", "read_parquet", reads_parts),
        Patch("pandas", "DataFrame.to_parquet", writes_parts),
        Patch("pandas", "ExcelFile.__init__", reads("path_or_buffer", 1, format="excel", into_self=True)),
        Patch("pandas.io.stata", "StataReader.__init__", reads("path_or_buf", 1, format="stata", into_self=True)),
        Patch("pandas.io.stata", "StataReader._open_file", aside),
        Patch("pandas", "ExcelWriter.__init__", opens("path", mode_position=5)),
        Patch("pandas", "ExcelWriter.close", closes(format="excel")),
        Patch("pandas", "HDFStore.open", opens("", mode="a", mode_position=1, held="_path", lasting="hdf5")),
        Patch("pandas", "HDFStore.close", closes(format="hdf5")),
        *(Patch("pandas.io.pytables", name, reads_store("parent", format="hdf5")) for name in _HDF.split()),
        *_follow(
            "HDFStore.put HDFStore.append HDFStore.append_to_multiple", stores("value", 2, leave="write_metadata")
        ),
        *(
            Patch("pandas.io.formats.style", f"Styler.{name}", writes(target, format=name[3:]))
            for name, target in _STYLED.items()
        ),
        Patch(
            "pandas.io.formats.style", "Styler.__init__", follow=_pandas.into_self("data", 1, whole=True, internal=True)
        ),
        *(
            Patch("pandas.io.sql", f"{database}.to_sql", writes_table("frame", 1, "name", 2))
            for database in ("SQLiteDatabase", "SQLDatabase")
        ),
        *(Patch("pandas.io.sql", name, aside) for name in _LOOK_UPS.split()),
        Patch("sqlalchemy", "MetaData.reflect", aside),
        Patch("pandas.io.sql", "_convert_arrays_to_dataframe", follow=fetched),
        *_follow("core.generic.NDFrame.__finalize__", both(_finalized, columns.finalized)),
        *_follow("DataFrame.__init__", both(_pandas.into_self("data", 1, whole=True), columns.constructed)),
        *_follow("Series.__init__", _pandas.into_self("data", 1, whole=True)),
        *_follow("DataFrame._set_item", both(_put, _filled, columns.put)),
        *_follow(_SETTERS, both(_put, _filled, columns.lost)),
        *_follow("DataFrame.insert", both(_pandas.into_self("value", 3), columns.inserted)),
        *_follow("core.generic.NDFrame._set_axis", columns.relabelled),
        *_follow("core.generic.NDFrame._update_inplace", both(_replaced, columns.updated)),
        *_follow("core.generic.NDFrame._where", _chosen),
        *_follow(_SELECTIONS, both(_pandas.results(selecting=True), columns.selected)),
        *_follow(_OPERATIONS, both(_pandas.results(*_OPERATED), columns.operated), closed=_always),
        *_follow(_CHOPPED, _pandas.results()),
        *(
            row
            for name, told in columns.RESULTS.items()
            for row in _follow(name, both(_pandas.results(), told), closed=_always if name in _CLOSED else None)
        ),
        *_follow(_CONVERSIONS, _pandas.converted()),
        *_follow(_CHUNKS, _pandas.results()),
        *(
            Patch(f"pandas.io.sas.{module}", f"{reader}.{method}", follow=_pandas.results())
            for module, reader in _SAS.items()
            for method in ("__next__", "read")
        ),
        *_follow(_FUNCTIONS, _pandas.results()),
        *_follow(_CLASSES.replace(" ", ".* ") + ".*", _pandas.results()),
    )
