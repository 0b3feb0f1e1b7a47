# SPDX-License-Identifier: Apache-2.0
"""Files read and written through Python: `open` and its kin, descriptors, copies, renames, removals, pickles."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

from otelprov.capture import coverage
from otelprov.capture.disk import audit, files, moves
from otelprov.capture.flow import pickled
from otelprov.capture.naming import is_compiled_code
from otelprov.instrumentation import Call, Instrumentor, Patch

Captured = Generator[None, Any, None]


def _is_import(args: tuple[Any, ...]) -> bool:
    if args and is_compiled_code(args[0]):
        coverage.ignored += 1
        return True
    return False


def _open(call: Call) -> Captured:
    file = yield
    mode = call.argument("mode", 1, "r")
    files.opened(file, mode, call.started, through_opener=call.argument("opener", 7) is not None)


def _os_open(call: Call) -> Captured:
    fd = yield
    path = call.argument("path", 0) if call.kwargs.get("dir_fd") is None else None
    files.opened_descriptor(fd, call.argument("flags", 1, 0), path, call.started)


def _os_close(call: Call) -> Captured:
    fd = call.argument("fd", 0)
    if files.is_followed(fd):
        yield
        files.closed_descriptor(fd)


def _copyfile(call: Call) -> Captured:
    source, target = call.argument("src", 0), call.argument("dst", 1)
    if call.argument("follow_symlinks", 2, True) or not os.path.islink(source):
        yield from moves.copying(source, target, call.started)


def _copyfileobj(call: Call) -> Captured:
    yield
    files.copied(call.argument("fsrc", 0), call.argument("fdst", 1))


def _rename(call: Call) -> Captured:
    source = moves.named_in(call.argument("src", 0), call.kwargs.get("src_dir_fd"))
    target = moves.named_in(call.argument("dst", 1), call.kwargs.get("dst_dir_fd"))
    yield from moves.renaming(source, target, call.started)


def _remove(call: Call) -> Captured:
    path = moves.named_in(call.argument("path", 0), call.kwargs.get("dir_fd"))
    yield from moves.removing(path, call.started)


def _rmtree(call: Call) -> Captured:
    # One action: what it removes one by one is not recorded.
    yield from moves.removing_tree(call.argument("path", 0), call.started)


# `from builtins import open` under other names, made before we came.
_OPENS = (("builtins", "open"), ("io", "open"), ("_io", "open"), ("bz2", "_builtin_open"), ("tarfile", "bltn_open"))
# Functions of `os` come from here, and are pickled by this name.
_SYSTEM = os.name if os.name == "nt" else "posix"
_CALLS = {
    "open": _os_open,
    "close": _os_close,
    "rename": _rename,
    "replace": _rename,
    "remove": _remove,
    "unlink": _remove,
    "link": moves.linking,
    "sendfile": moves.sending,
    "copy_file_range": moves.copying_range,
}
_FOLLOWED = {"dumps": pickled.dumped_bytes, "load": pickled.loaded, "loads": pickled.loaded_bytes}
_PICKLE = ("pickle", "_pickle")


class FilesInstrumentor(Instrumentor):
    """Captures files read and written by Python code."""

    library = "files"
    patches = (
        *(Patch(module, name, _open, noise=_is_import) for module, name in _OPENS),
        *(Patch(module, name, capture) for name, capture in _CALLS.items() for module in ("os", _SYSTEM)),
        Patch("shutil", "copyfile", _copyfile),
        Patch("shutil", "copyfileobj", _copyfileobj),
        Patch("shutil", "rmtree", _rmtree),
        *(Patch(module, "dump", pickled.dumping) for module in _PICKLE),
        *(Patch(module, name, follow=follow) for name, follow in _FOLLOWED.items() for module in _PICKLE),
    )

    def start(self) -> None:
        """Listen for the opens that go past these functions."""
        audit.start()

    def stop(self) -> None:
        """Listen no more; what is open is still recorded when it is closed."""
        audit.stop()
