# SPDX-License-Identifier: Apache-2.0
"""Which module's code made an import, and whether at its top level, in a function or through importlib."""

from __future__ import annotations

import opcode
import sys
from types import FrameType
from typing import NamedTuple

from otelprov.semconv import (
    PROVENANCE_MODULE_STYLE_DYNAMIC,
    PROVENANCE_MODULE_STYLE_LAZY,
    PROVENANCE_MODULE_STYLE_TOP_LEVEL,
)

_IMPORT_NAME = opcode.opmap["IMPORT_NAME"]
# Set in the code of functions alone, not in that of modules and classes; as in `inspect`, which is large.
_CO_OPTIMIZED = 1
_MACHINERY = frozenset(
    {
        "importlib._bootstrap",
        "importlib._bootstrap_external",
        "_frozen_importlib",
        "_frozen_importlib_external",
        "zipimport",
        "otelprov.capture.modules.import_hook",
    }
)


class Importer(NamedTuple):
    """`module` is the dotted name and `file` the source file of the importing code; empty where C code imports."""

    module: str
    style: str
    file: str


def find_importer(depth: int) -> Importer:
    """The importing code, as seen from inside the import system; `depth` frames of the caller's are left out."""
    frame: FrameType | None = sys._getframe(depth)
    dynamic = False
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if isinstance(name, str):
            if name == "importlib" or (name.startswith("importlib.") and name not in _MACHINERY):
                dynamic = True
            elif name not in _MACHINERY and not name.startswith("otelprov.capture.modules."):
                if not (name.startswith("otelprov.") and not _is_statement(frame)):
                    break
                # One of our wrappers around a function of C that imports, such as pickle's: not the importer.
                dynamic = True
        frame = frame.f_back
    if frame is None:
        return Importer("", PROVENANCE_MODULE_STYLE_DYNAMIC, "")
    name = frame.f_globals.get("__name__")
    code = frame.f_code
    if dynamic or not _is_statement(frame):
        style = PROVENANCE_MODULE_STYLE_DYNAMIC
    elif code.co_flags & _CO_OPTIMIZED:
        style = PROVENANCE_MODULE_STYLE_LAZY
    else:
        style = PROVENANCE_MODULE_STYLE_TOP_LEVEL
    return Importer(name if isinstance(name, str) else "", style, code.co_filename)


def _is_statement(frame: FrameType) -> bool:
    # A call of `__import__` or of C code that imports leaves no frame of its own, but is no import instruction.
    code, at = frame.f_code.co_code, frame.f_lasti
    return 0 <= at < len(code) and code[at] == _IMPORT_NAME
