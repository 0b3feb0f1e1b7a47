# SPDX-License-Identifier: Apache-2.0
"""Arrays in files of the safetensors format, which native code reads and writes."""

from __future__ import annotations

from otelprov.capture.tables.table_io import reads, writes
from otelprov.instrumentation import Instrumentor, Patch


class SafetensorsInstrumentor(Instrumentor):
    """Records files of arrays that are read and written; those of tensors are the torch instrumentor's."""

    library = "safetensors"
    distribution = "safetensors"
    versions = ">=0.4,<1"
    patches = (
        Patch("safetensors.numpy", "save_file", writes("filename", 1, format="safetensors", table_name="tensor_dict")),
        Patch("safetensors.numpy", "load_file", reads("filename", format="safetensors")),
    )
