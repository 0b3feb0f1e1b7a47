# SPDX-License-Identifier: Apache-2.0
"""pandas: what is read and written, and which reads a written frame comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import unwrap
from typing import Any

from otelprov.capture import frames
from otelprov.capture.frames import Following, both
from otelprov.capture.table_io import reads, writes
from otelprov.instrumentation import Instrumentor, Patch

frames.declare(
    "pandas",
    data=("NDFrame", "ExtensionArray"),
    carriers=("Index", "TextFileReader", "JsonReader", "StataReader", "SASReader", "ExcelFile"),
    holders=("BaseGroupBy", "BaseWindow", "NDFrameIndexerBase", "Splitter"),
)

_pandas = Following("pandas")
_result = _pandas.results()

# Reader, the argument that says what is read, format.
_READERS = (
    ("read_csv", "filepath_or_buffer", "csv"),
    ("read_table", "filepath_or_buffer", "csv"),
    ("read_fwf", "filepath_or_buffer", "text"),
    ("read_parquet", "path", "parquet"),
    ("read_feather", "path", "feather"),
    ("read_orc", "path", "orc"),
    ("read_json", "path_or_buf", "json"),
    ("read_pickle", "filepath_or_buffer", "pickle"),
    ("read_excel", "io", "excel"),
    ("read_xml", "path_or_buffer", "xml"),
    ("read_html", "io", "html"),
    ("read_stata", "filepath_or_buffer", "stata"),
    ("read_sas", "filepath_or_buffer", "sas"),
    ("read_spss", "path", "spss"),
)
_WRITERS = (
    ("core.generic.NDFrame.to_csv", "path_or_buf", "csv"),
    ("core.generic.NDFrame.to_json", "path_or_buf", "json"),
    ("core.generic.NDFrame.to_pickle", "path", "pickle"),
    ("core.generic.NDFrame.to_excel", "excel_writer", "excel"),
    ("core.generic.NDFrame.to_latex", "buf", "latex"),
    ("DataFrame.to_parquet", "path", "parquet"),
    ("DataFrame.to_feather", "path", "feather"),
    ("DataFrame.to_orc", "path", "orc"),
    ("DataFrame.to_xml", "path_or_buffer", "xml"),
    ("DataFrame.to_html", "buf", "html"),
    ("DataFrame.to_stata", "path", "stata"),
)
_FUNCTIONS = (
    "concat merge merge_asof merge_ordered melt pivot pivot_table crosstab wide_to_long get_dummies from_dummies cut "
    "qcut to_numeric to_datetime to_timedelta factorize unique eval array isna notna"
).split()
_CLASSES = (
    "DataFrame",
    "Series",
    "core.generic.NDFrame",
    "core.base.IndexOpsMixin",
    "core.groupby.groupby.BaseGroupBy",
    "core.groupby.groupby.GroupBy",
    "core.groupby.generic.SeriesGroupBy",
    "core.groupby.generic.DataFrameGroupBy",
    "core.resample.Resampler",
    "core.window.rolling.BaseWindow",
    "core.window.rolling.Window",
    "core.window.rolling.RollingAndExpandingMixin",
    "core.window.rolling.Rolling",
    "core.window.expanding.Expanding",
    "core.window.ewm.ExponentialMovingWindow",
    "io.parsers.readers.TextFileReader",
    "io.json._json.JsonReader",
    "ExcelFile",
)
# Operators and conversions that have no public name of their own.
_OPERATIONS = (
    *(f"{owner}.{kind}_method" for owner in ("DataFrame", "Series") for kind in ("_arith", "_cmp", "_logical")),
    "core.generic.NDFrame.__array_ufunc__",
    "core.groupby.ops.SeriesSplitter._chop",
    "core.groupby.ops.FrameSplitter._chop",
)
_SELECTIONS = (
    "DataFrame.__getitem__",
    "Series.__getitem__",
    "core.base.SelectionMixin.__getitem__",
    "core.groupby.generic.DataFrameGroupBy.__getitem__",
    "core.indexing._LocationIndexer.__getitem__",
)
_CONVERSIONS = ("core.generic.NDFrame.__array__", "Series.__array__", "DataFrame.__array__", "DataFrame.values", "Series.values")
_OPERATOR = _pandas.results(
    *(f"__{r}{name}__" for r in ("", "r") for name in ("add sub mul truediv floordiv mod pow and or xor".split())),
    *("__eq__ __ne__ __lt__ __le__ __gt__ __ge__".split()),
)
_SET = ("__setitem__", "assign", "__setattr__", "update")


def _counts_references(function: Callable[..., Any]) -> bool:
    # They warn of chained assignment by the number of references to `self`, of which a wrapper would be one more.
    # `pipe` returns whatever the program's function does; positions given to `take` are no data.
    return "getrefcount" in unwrap(function).__code__.co_names or function.__name__ in ("pipe", "take")


def _follow(targets: Iterable[str], follow: Callable[..., None]) -> list[Patch]:
    return [Patch("pandas", target, follow=follow, leave=_counts_references) for target in targets]


class PandasInstrumentor(Instrumentor):
    """Records what pandas reads and writes, and follows frames from the one to the other."""

    library = "pandas"
    distribution = "pandas"
    versions = ">=2.2,<4"
    patches = (
        *(Patch("pandas", name, reads(source, format=format)) for name, source, format in _READERS),
        Patch("pandas", "ExcelFile.__init__", reads("path_or_buffer", 1, format="excel", into_self=True)),
        *(Patch("pandas", name, writes(target, format=format)) for name, target, format in _WRITERS),
        *_follow(
            ("core.generic.NDFrame.__finalize__",),
            _pandas.finalized("input_objs", "objs", "left", "right", via=("concat",)),
        ),
        *_follow(("DataFrame.__init__", "Series.__init__"), _pandas.into_self("data", 1, whole=True)),
        *_follow(("DataFrame._set_item", "DataFrame._setitem_array"), _pandas.into_self("value", 2, *_SET)),
        *_follow(("DataFrame._setitem_frame", "DataFrame._set_item_frame_value"), _pandas.into_self("value", 2, *_SET)),
        *_follow(("core.indexing._iLocIndexer._setitem_with_indexer",), _pandas.into_self("value", 2, *_SET)),
        *_follow(("Series._set_values",), _pandas.into_self("value", 2, *_SET)),
        *_follow(("DataFrame.insert",), _pandas.into_self("value", 3)),
        *_follow(("core.generic.NDFrame._update_inplace",), _pandas.into_self("result", 1, "*")),
        *_follow(
            ("core.generic.NDFrame._where",),
            both(_pandas.results("where", "mask"), _pandas.into_self("other", 2, *_SET)),
        ),
        *_follow(_SELECTIONS, _pandas.results(selecting=True)),
        *_follow(_OPERATIONS, _OPERATOR),
        *_follow(_CONVERSIONS, _pandas.converted()),
        *_follow(_FUNCTIONS, _result),
        *_follow([f"{owner}.*" for owner in _CLASSES], _result),
    )
