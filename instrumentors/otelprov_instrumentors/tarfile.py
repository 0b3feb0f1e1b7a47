# SPDX-License-Identifier: Apache-2.0
"""Members of tar archives: read, extracted and added through the tarfile module."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from otelprov.capture.disk.files import wrapped_descriptor
from otelprov.capture.disk.handles import origins_of_data
from otelprov.capture.disk.members import member_extracted, member_read, member_written
from otelprov.capture.flow.identity import Origins, remember
from otelprov.instrumentation import Call, Instrumentor, Patch

Captured = Generator[None, Any, None]


def _read(call: Call, info: Any) -> Origins | None:
    return member_read(call.instance.fileobj, info.name, _version(info), info.size, call.started, call.scope)


def _version(info: Any) -> str:
    # A tar has no checksum of what is in its members.
    return f"mtime:{info.size}-{int(info.mtime)}"


def _open(call: Call) -> Captured:
    file = yield
    if file is not None:
        member = call.argument("member", 1)
        # What was opened is known to the archive by now: nothing is read for this.
        origins = _read(call, call.instance.getmember(member) if isinstance(member, str) else member)
        if origins is not None:
            remember(file, origins)


def _extract(call: Call) -> Captured:
    # `extract` and `extractall` do this for each member; it sets the time of change last.
    info, path = call.argument("tarinfo", 1), call.argument("targetpath", 2)
    yield
    if info.isreg():
        member_extracted(path, call.started, _read(call, info))


def _add(call: Call) -> Captured:
    # `add` does this for each file of a folder, which it opens: that is the read.
    info, source = call.argument("tarinfo", 1), call.argument("fileobj", 2)
    if source is None:
        return
    sources = origins_of_data(source)
    yield
    if info.isreg():
        archive = call.instance.fileobj
        member_written(archive, info.name, _version(info), info.size, call.started, call.scope, sources)


def _open_stream(call: Call) -> Captured:
    yield
    wrapped_descriptor(call.instance, call.instance.fd)


class TarfileInstrumentor(Instrumentor):
    """Records which members of archives are read and written, and follows them to and from files."""

    library = "tarfile"
    patches = (
        Patch("tarfile", "TarFile.extractfile", _open),
        Patch("tarfile", "TarFile._extract_member", _extract),
        Patch("tarfile", "TarFile.addfile", _add),
        # Archives that are read or written as a stream, by a descriptor whose opening is captured inside.
        Patch("tarfile", "_LowLevelFile.__init__", _open_stream, transparent=True),
    )
