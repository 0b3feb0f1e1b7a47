# SPDX-License-Identifier: Apache-2.0
"""pyarrow: what is read and written, and which reads a written table comes from, as far as it can be seen.

Most of its classes are extension types, whose methods nobody can wrap. What is made by `Table.select`, `slice`,
`from_pandas`, `Dataset.to_table` and their kin is of unknown origin, and gets weaker evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from otelprov.capture.flow import frames
from otelprov.capture.flow.following import Following, both
from otelprov.capture.flow.iterated import concatenates
from otelprov.capture.tables.table_io import closes
from otelprov.instrumentation import Capture, Instrumentor, Patch
from otelprov_instrumentors.pyarrow import tables

frames.declare(
    "pyarrow",
    data=("Table", "RecordBatch", "ChunkedArray", "Array", "Dataset"),
    carriers=(
        *("Scalar", "NativeFile", "Scanner", "RecordBatchReader", "_RecordBatchFileReader", "_CRecordBatchWriter"),
        *(
            "ParquetFile",
            "ParquetDataset",
            "ParquetWriter",
            "ORCFile",
            "ORCWriter",
            "TableGroupBy",
            "CSVStreamingReader",
        ),
    ),
)

_results = Following("pyarrow").results()
_MAKERS = "table array chunked_array record_batch concat_arrays"
_concatenated = (concatenates("tables"), concatenates("recordbatches"))
# What methods of extension types call by name, and so can be seen.
_ENGINE = "_perform_join _perform_join_asof _filter_table _sort_source _group_by"
_FILE_READERS = "read read_row_group read_row_groups iter_batches scan_contents"
_IPC_READERS = "read_all read_pandas read_next_batch get_batch get_record_batch"
_WRITTEN = {"ORCWriter": "table"}
_WRITE = {"write": "table_or_batch", "write_table": "table", "write_batch": "batch"}


def _both(module: str, private: str, name: str, capture: Capture) -> tuple[Patch, ...]:
    # By the module that defines it a function is pickled.
    return Patch(module, name, capture), Patch(private, name, capture)


def _reader(module: str, name: str, methods: str, source: str, format_: str) -> tuple[Patch, ...]:
    return (
        Patch(module, f"{name}.__init__", tables.opens_reader(source, format_)),
        *(Patch(module, f"{name}.{method}", tables.read_by) for method in methods.split()),
    )


def _writer(module: str, name: str, sink: str, format_: str, filesystem: int = 0) -> tuple[Patch, ...]:
    return (
        Patch(module, f"{name}.__init__", tables.opens_writer(sink, filesystem)),
        *(
            Patch(module, f"{name}.{method}", tables.stores(_WRITTEN.get(name, table)))
            for method, table in _WRITE.items()
        ),
        Patch(module, f"{name}.close", closes(format=format_)),
    )


def _is_left(function: Callable[..., Any]) -> bool:
    # Other libraries' functions that a module has imported.
    return not function.__module__.startswith("pyarrow")


def _follow(module: str, names: str) -> tuple[Patch, ...]:
    return tuple(Patch(module, name, follow=_results, leave=_is_left) for name in names.split())


class PyarrowInstrumentor(Instrumentor):
    """Records what pyarrow reads and writes, and follows tables where its functions show where they come from."""

    library = "pyarrow"
    distribution = "pyarrow"
    versions = ">=20,<27"
    patches = (
        Patch("pyarrow.parquet.core", "ParquetDataset.__init__", tables.opens_parquet),
        Patch("pyarrow.parquet.core", "ParquetDataset.read", tables.reads_parquet),
        *_reader("pyarrow.parquet.core", "ParquetFile", _FILE_READERS, "source", "parquet"),
        *_writer("pyarrow.parquet.core", "ParquetWriter", "where", "parquet", 3),
        Patch("pyarrow.parquet", "write_table", tables.writes("where", "parquet")),
        Patch("pyarrow.parquet", "write_to_dataset", tables.writes("root_path", "parquet", folder=True)),
        *_both("pyarrow.csv", "pyarrow._csv", "read_csv", tables.reads("input_file", "csv")),
        *_both("pyarrow.csv", "pyarrow._csv", "open_csv", tables.reads("input_file", "csv")),
        *_both("pyarrow.csv", "pyarrow._csv", "write_csv", tables.writes("output_file", "csv", table="data")),
        *_both("pyarrow.json", "pyarrow._json", "read_json", tables.reads("input_file", "jsonl")),
        *_both("pyarrow.json", "pyarrow._json", "open_json", tables.reads("input_file", "jsonl")),
        Patch("pyarrow.feather", "read_table", tables.reads("source", "feather")),
        Patch("pyarrow.feather", "read_feather", tables.reads("source", "feather")),
        Patch("pyarrow.feather", "write_feather", tables.writes("dest", "feather", table="df")),
        Patch("pyarrow.orc", "read_table", tables.reads("source", "orc")),
        Patch("pyarrow.orc", "write_table", tables.writes("where", "orc")),
        *_reader("pyarrow.orc", "ORCFile", "read read_stripe", "source", "orc"),
        *_writer("pyarrow.orc", "ORCWriter", "where", "orc"),
        *_reader("pyarrow.ipc", "RecordBatchFileReader", _IPC_READERS, "source", "arrow"),
        *_reader("pyarrow.ipc", "RecordBatchStreamReader", _IPC_READERS, "source", "arrow"),
        *_writer("pyarrow.ipc", "RecordBatchFileWriter", "sink", "arrow"),
        *_writer("pyarrow.ipc", "RecordBatchStreamWriter", "sink", "arrow"),
        Patch("pyarrow.dataset", "dataset", tables.opens_dataset("source")),
        Patch("pyarrow.dataset", "parquet_dataset", tables.opens_dataset("metadata_path")),
        Patch("pyarrow.dataset", "write_dataset", tables.writes("base_dir", "", table="data", folder=True)),
        Patch("pyarrow.fs", "copy_files", tables.copies),
        *_both("pyarrow", "pyarrow.lib", "input_stream", tables.reads("source")),
        *_both("pyarrow", "pyarrow.lib", "memory_map", tables.reads("path")),
        *(
            Patch(module, name, capture, nested=True, transparent=True)
            for name, capture in zip(("concat_tables", "concat_batches"), _concatenated, strict=True)
            for module in ("pyarrow", "pyarrow.lib")
        ),
        *_follow("pyarrow", _MAKERS),
        *_follow("pyarrow.lib", _MAKERS),
        *_follow("pyarrow.acero", _ENGINE),
        *_follow("pyarrow._compute", "call_function"),
        *_follow("pyarrow.compute", "call_function *"),
        Patch("pyarrow.pandas_compat", "table_to_dataframe", follow=both(_results, tables.converted)),
    )
