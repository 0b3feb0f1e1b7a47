# SPDX-License-Identifier: Apache-2.0
"""Objects, models above all, that joblib dumps and loads, and what its caches of results hold."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

from otelprov.capture.flow.frames import content_origins
from otelprov.capture.tables.table_io import reads, record_write, writes
from otelprov.instrumentation import Call, Instrumentor, Patch

_dump = writes("filename", 1, format="joblib", table_name="value")
_load = reads("filename", format="joblib")


def _dump_item(call: Call) -> Generator[None, Any, None]:
    # One write, of which the file of another name that is renamed then is a part.
    sources = content_origins((call.argument("item", 2),))
    yield
    path = os.path.join(call.instance.location, *call.argument("call_id", 1), "output.pkl")
    if os.path.exists(path):
        record_write(path, call, "joblib", sources)


def _leave(call: Call) -> Generator[None, Any, None]:
    # Quietly: notes that a cache makes for itself. Its results are data: a later run takes them for its own.
    yield


_NOTES = (
    "StoreBackendMixin.store_metadata StoreBackendMixin.get_metadata StoreBackendMixin.store_cached_func_code "
    "StoreBackendMixin.get_cached_func_code FileSystemStoreBackend.configure"
)


class JoblibInstrumentor(Instrumentor):
    """Records what joblib reads and writes."""

    library = "joblib"
    distribution = "joblib"
    versions = ">=1.4,<2"
    patches = (
        *(Patch(module, "dump", _dump) for module in ("joblib.numpy_pickle", "joblib")),
        *(Patch(module, "load", _load) for module in ("joblib.numpy_pickle", "joblib")),
        Patch("joblib._store_backends", "StoreBackendMixin.dump_item", _dump_item),
        *(Patch("joblib._store_backends", name, _leave) for name in _NOTES.split()),
    )
