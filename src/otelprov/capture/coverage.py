# SPDX-License-Identifier: Apache-2.0
"""How much of what this process did with data is on record: opens seen, edges made, libraries left alone and why."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from otelprov.capture.disk import digests
from otelprov.semconv import (
    PROVENANCE_COVERAGE_DIGESTS,
    PROVENANCE_COVERAGE_EDGES,
    PROVENANCE_COVERAGE_IGNORED,
    PROVENANCE_COVERAGE_LIBRARIES,
    PROVENANCE_COVERAGE_OPENS,
    PROVENANCE_COVERAGE_RECORDED,
    PROVENANCE_COVERAGE_UNDIGESTED,
)

_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
# Libraries that read or write data by native code of their own, or over a network: Python's `open` shows nothing of it.
NATIVE = (
    *("polars", "pyarrow", "duckdb", "h5py", "torch", "tables", "netCDF4", "zarr", "fastavro", "pyreadstat", "pyogrio"),
    *("fiona", "rasterio", "osgeo", "cv2", "soundfile", "lmdb", "datatable", "deltalake", "lance", "pyiceberg"),
    *("lightgbm", "xgboost", "catboost", "tensorflow", "safetensors", "onnx", "pyspark", "datafusion", "apsw"),
    *("psycopg", "psycopg2", "asyncpg", "pymysql", "MySQLdb", "oracledb", "pyodbc", "adbc_driver_manager", "pymongo"),
    *("botocore", "google.cloud.storage", "azure.storage.blob", "fsspec", "pysam", "pyexcelerate", "python_calamine"),
)

# Of data files; of these the recorded ones, repeated reads included; and those that the noise rule left out.
opens = 0
recorded = 0
ignored = 0
# Reads, writes and their kin by the scope that recorded them.
_edges: dict[str, int] = {}
# By library: the version whose functions are wrapped ("" for the standard library); or its version and why it is not.
_instrumented: dict[str, str] = {}
_left_alone: dict[str, tuple[str, str]] = {}


def edge(scope: str) -> None:
    """Count what was recorded, of whatever kind."""
    _edges[scope] = _edges.get(scope, 0) + 1


def instrumented(library: str, version: str) -> None:
    """Note that the functions of a library are wrapped."""
    _instrumented[library] = version
    _left_alone.pop(library, None)


def left_alone(library: str, why: str, version: str = "") -> None:
    """Note that a library is not wrapped, and why."""
    version = _instrumented.pop(library, "") or version
    _left_alone[library] = version, why


def snapshot() -> tuple[int, int, int]:
    """Opens of data files, how many of them were recorded, and how many other opens were left out as noise."""
    return opens, recorded, ignored


def attributes() -> dict[str, Any]:
    """What a process says of its coverage when it ends."""
    told, undigested = digests.counts()
    said: dict[str, Any] = {
        PROVENANCE_COVERAGE_OPENS: opens,
        PROVENANCE_COVERAGE_RECORDED: recorded,
        PROVENANCE_COVERAGE_IGNORED: ignored,
        PROVENANCE_COVERAGE_EDGES: sum(_edges.values()),
        PROVENANCE_COVERAGE_DIGESTS: told,
    }
    if undigested:
        said[PROVENANCE_COVERAGE_UNDIGESTED] = json.dumps(undigested, separators=(",", ":"))
    libraries = _libraries()
    if libraries:
        said[PROVENANCE_COVERAGE_LIBRARIES] = json.dumps(libraries, sort_keys=True, separators=(",", ":"))
    return said


def _libraries() -> dict[str, dict[str, Any]]:
    """Of each library that was loaded and reads or writes data: its version, its edges, or why it has none."""
    found: dict[str, dict[str, Any]] = {}
    for library, version in _instrumented.items():
        edges = _edges.get(f"otelprov.{library}", 0)
        if version or edges or library in sys.modules:
            found[library] = _described(library, version) | {"edges": edges}
    disabled = {name.strip() for name in os.environ.get(_DISABLED, "").split(",")}
    for library in (*NATIVE, *(name.removeprefix("prov-") for name in disabled if name.startswith("prov-"))):
        if library in sys.modules and library not in _instrumented and library not in _left_alone:
            off = "*" in disabled or f"prov-{library}" in disabled
            why = f"switched off by {_DISABLED}" if off else "no instrumentor of otelprov was loaded for it"
            found[library] = _described(library) | {"why": why}
    for library, (version, why) in _left_alone.items():
        if library in sys.modules:
            found[library] = _described(library, version) | {"why": why}
    return found


def _described(library: str, version: str = "") -> dict[str, Any]:
    said = version or (vars(sys.modules[library]).get("__version__") if library in sys.modules else "")
    return {"version": said} if type(said) is str and said else {}


def reset() -> None:
    """Start from nothing, as a forked child does; what is wrapped stays so."""
    global opens, recorded, ignored
    opens = recorded = ignored = 0
    _edges.clear()


os.register_at_fork(after_in_child=reset)
