# SPDX-License-Identifier: Apache-2.0
"""Members of ZIP archives: read, extracted and written through the zipfile module."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from otelprov.capture.disk.files import record_read
from otelprov.capture.disk.members import member_extracted, member_read, member_written
from otelprov.capture.disk.moves import regular
from otelprov.capture.flow.contents import note_content, origins_of_content
from otelprov.capture.flow.identity import Origins, origins_of, remember
from otelprov.capture.naming import absolute_path
from otelprov.instrumentation import Call, Instrumentor, Patch

Captured = Generator[None, Any, None]


def _read(call: Call, name: Any) -> Origins | None:
    archive = call.instance
    info = archive.NameToInfo.get(name, name) if isinstance(name, str) else name
    return member_read(archive.fp, info.filename, _version(info), info.file_size, call.started, call.scope)


def _written(call: Call, archive: Any, sources: Origins | None) -> None:
    info = archive.filelist[-1]
    if not info.is_dir():
        size = info.file_size
        member_written(archive.fp, info.filename, _version(info), size, call.started, call.scope, sources)


def _version(info: Any) -> str:
    # Of the content, and in the archive's directory: it costs nothing.
    return f"crc32:{info.CRC:08x}-{info.file_size}"


def _open(call: Call) -> Captured:
    file = yield
    if call.argument("mode", 2, "r") == "r":
        origins = _read(call, call.argument("name", 1))
        if origins is not None:
            remember(file, origins)


def _read_whole(call: Call) -> Captured:
    content = yield
    origins = _read(call, call.argument("name", 1))
    if origins is not None:
        note_content(content, origins)


def _extract(call: Call) -> Captured:
    # Both `extract` and `extractall` do this for each member.
    path = yield
    name = call.argument("member", 1)
    if not (name if isinstance(name, str) else name.filename).endswith("/"):
        member_extracted(path, call.started, _read(call, name))


def _write(call: Call) -> Captured:
    source = regular(absolute_path(call.argument("filename", 1)))
    yield
    read = record_read(source, call.started, scope=call.scope) if source is not None else None
    _written(call, call.instance, Origins(frozenset({read})) if read is not None else None)


def _write_content(call: Call) -> Captured:
    yield
    _written(call, call.instance, origins_of_content(call.argument("data", 2)))


def _close_written(call: Call) -> Captured:
    if not call.instance.closed:
        yield
        _written(call, call.instance._zipfile, origins_of(call.instance))


class ZipfileInstrumentor(Instrumentor):
    """Records which members of archives are read and written, and follows them to and from files."""

    library = "zipfile"
    patches = (
        Patch("zipfile", "ZipFile.open", _open),
        Patch("zipfile", "ZipFile.read", _read_whole),
        Patch("zipfile", "ZipFile._extract_member", _extract),
        Patch("zipfile", "ZipFile.write", _write),
        Patch("zipfile", "ZipFile.writestr", _write_content),
        Patch("zipfile", "_ZipWriteFile.close", _close_written),
    )
