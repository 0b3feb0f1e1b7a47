# SPDX-License-Identifier: Apache-2.0
"""Files of fsspec's file systems: in memory, over HTTP, in object stores, cached or not."""

from __future__ import annotations

from otelprov.capture.remote.filesystem_calls import awaited_file, closing, opening, syncing, whole_file
from otelprov.capture.tables.table_io import aside
from otelprov.instrumentation import Instrumentor, Patch

_WHOLE = {
    ("fsspec.spec", "AbstractFileSystem"): "cat_file pipe_file get_file put_file rm_file read_text write_text",
    ("fsspec.implementations.memory", "MemoryFileSystem"): "cat_file pipe_file cp_file",
}
_AWAITED = {
    ("fsspec.implementations.http", "HTTPFileSystem"): "_cat_file _pipe_file _get_file _put_file",
    ("s3fs.core", "S3FileSystem"): "_cat_file _pipe_file _get_file _put_file _cp_file _rm_file _bulk_delete",
}
_CLOSED = {
    "fsspec.spec": "AbstractBufferedFile",
    "fsspec.implementations.memory": "MemoryFile",
    "fsspec.implementations.cached": "LocalTempFile",
}


# Where it comes from, and who has it under a name of their own.
_SYNCING = ("fsspec.asyn", "fsspec.implementations.http", "s3fs.core")


class FsspecInstrumentor(Instrumentor):
    """Records which files of which file systems are read, written, copied and deleted."""

    library = "fsspec"
    distribution = "fsspec"
    versions = ">=2024.2,<2027"
    patches = (
        Patch("fsspec.spec", "AbstractFileSystem.open", opening),
        *(Patch(module, f"{file}.close", closing) for module, file in _CLOSED.items()),
        *(
            Patch(module, f"{system}.{name}", whole_file)
            for (module, system), names in _WHOLE.items()
            for name in names.split()
        ),
        *(
            Patch(module, f"{system}.{name}", awaited_file, nested=True)
            for (module, system), names in _AWAITED.items()
            for name in names.split()
        ),
        *(Patch(module, "sync", syncing) for module in _SYNCING),
        # What a cache keeps about itself.
        *(Patch("fsspec.implementations.cache_metadata", f"CacheMetadata.{name}", aside) for name in ("load", "save")),
    )
