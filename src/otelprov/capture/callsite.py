# SPDX-License-Identifier: Apache-2.0
"""Which line of the program's own code made a call."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

from otelprov.semconv import CODE_FILE_PATH, CODE_FUNCTION_NAME, CODE_LINE_NUMBER

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Where the standard library lies, and what folders of installed packages are called. sysconfig would say it in general,
# and would be loaded by every observed program.
_STANDARD_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_PACKAGES = (
    f"{os.sep}site-packages{os.sep}",
    f"{os.sep}dist-packages{os.sep}",
    f"{os.sep}otelprov_instrumentors{os.sep}",
)
# Where console scripts lie: they are no code of the program's.
_SCRIPTS = os.path.join(os.path.abspath(sys.exec_prefix), "bin") + os.sep
_is_user: dict[str, bool] = {}
_is_own: dict[str, bool] = {}


def is_library_file(path: str) -> bool:
    """Whether a source file belongs to Python, to an installed package or to us, rather than to the program."""
    return (
        not path
        or path[0] == "<"
        or path.startswith((_STANDARD_LIBRARY, _SCRIPTS))
        or path.startswith(_OWN)
        or path.endswith("<otelprov>")
        or any(part in path for part in _PACKAGES)
    )


def user_frame() -> FrameType | None:
    """The innermost frame of the program's own code; None where a library called us from a thread of its own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        known = _is_user.get(path)
        if known is None:
            known = _is_user[path] = not is_library_file(path)
        if known:
            return frame
        frame = frame.f_back
    return None


def caller() -> tuple[str, str]:
    """Module and function whose code called what we have wrapped; empty where no Python code did."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        known = _is_own.get(path)
        if known is None:
            known = _is_own[path] = path.startswith(_OWN) or f"{os.sep}otelprov_instrumentors{os.sep}" in path
        if not known:
            return str(frame.f_globals.get("__name__", "")), frame.f_code.co_name
        frame = frame.f_back
    return "", ""


def code_attributes() -> dict[str, Any]:
    """`code.*` attributes of the innermost line of the program's own code; empty where there is none."""
    frame = user_frame()
    if frame is None:
        return {}
    return {
        CODE_FILE_PATH: os.path.abspath(frame.f_code.co_filename),
        CODE_LINE_NUMBER: frame.f_lineno,
        CODE_FUNCTION_NAME: frame.f_code.co_qualname if sys.version_info >= (3, 11) else frame.f_code.co_name,
    }
