# SPDX-License-Identifier: Apache-2.0
"""Workbooks that openpyxl loads and saves, followed from the one to the other and through their rows."""

from __future__ import annotations

from collections.abc import Generator
from types import GeneratorType
from typing import Any

from otelprov.capture.flow import frames
from otelprov.capture.flow.identity import Origins, origins_of, remember
from otelprov.capture.tables.table_io import reads, writes
from otelprov.instrumentation import Call, Instrumentor, Patch

frames.declare("openpyxl", carriers=("Workbook",))

_reads = reads("filename", format="excel")


def _load(call: Call) -> Generator[None, Any, None]:
    yield from _reads(call)
    found = origins_of(call.result)
    if found is not None and call.argument("read_only", 1, False) is False:
        # Anything may be put into its cells.
        remember(call.result, Origins(found.reads, complete=False))


def _rows(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    found = origins_of(args[0].parent)
    if found is not None and type(result) is GeneratorType:
        remember(result, found)


class OpenpyxlInstrumentor(Instrumentor):
    """Records workbooks that are read and written."""

    library = "openpyxl"
    distribution = "openpyxl"
    versions = ">=3.1,<4"
    patches = (
        Patch("openpyxl", "load_workbook", _load),
        Patch("openpyxl.reader.excel", "load_workbook", _load),
        Patch("openpyxl.workbook", "Workbook.save", writes("filename", 1, format="excel")),
        *(
            Patch(module, f"{sheet}.{rows}", follow=_rows)
            for module, sheet in (
                ("openpyxl.worksheet.worksheet", "Worksheet"),
                ("openpyxl.worksheet._read_only", "ReadOnlyWorksheet"),
            )
            for rows in ("iter_rows", "iter_cols", "rows", "columns", "values")
        ),
    )
