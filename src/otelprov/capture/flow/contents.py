# SPDX-License-Identifier: Apache-2.0
"""Which reads some bytes or a text come from, by their content: nothing can refer weakly to `bytes` and `str`.

What a library has put into a buffer or returned as text, and what a file had that was opened to be read, is known again
when the same content is in a file that is closed, or in a buffer that a library is given. Content that was seen to come
from different places is no evidence, and none is kept: only digests are.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from otelprov.capture.callsite import user_frame
from otelprov.capture.disk.fingerprint import file_version
from otelprov.capture.disk.peek import peek
from otelprov.capture.flow.arrays import origins_of_array, raw_content
from otelprov.capture.flow.identity import Origins, followed
from otelprov.capture.recorder import current

# Shorter content may be equal by chance.
_MIN_SIZE = 64
# Of what is larger than all samples together, so much of so many places is digested.
_SAMPLE, _SAMPLES = 65_536, 16
_MAX_NOTED = 10_000
_MAX_OF_A_SIZE = 16


@dataclass(slots=True)
class _Noted:
    origins: Origins | None
    # Of a file, the digest is taken when it is asked for, if the file is still at that version.
    digest: str = ""
    path: str = ""
    version: str = ""
    # Where the file's own content came from, if this process has written it.
    before: Origins | None = None


# By process (another one after a fork) and size.
_noted: dict[tuple[str, int], list[_Noted]] = {}


def note_content(content: Any, origins: Origins, before: Origins | None = None) -> None:
    """Note where bytes, a text, or what is in a buffer comes from; `before` is what a place was written from."""
    data = _bytes(content)
    if data is not None and len(data) >= _MIN_SIZE:
        _note(len(data), _Noted(origins, _digest(memoryview(data).__getitem__, len(data)), before=before))


def note_file(path: str, version: str, size: int, origins: Origins, before: Origins | None = None) -> None:
    """Note that the content of a file may be in memory from now on; `before` is what it was written from."""
    if version and size >= _MIN_SIZE:
        _note(size, _Noted(origins, path=path, version=version, before=before))


def origins_of_content(content: Any) -> Origins | None:
    """Where bytes, a text, or what is in a buffer comes from; None where the same has not been seen before."""
    data = _bytes(content) if _noted else None
    if data is None:
        return None
    candidates = _of_size(len(data))
    return _find(candidates, _digest(memoryview(data).__getitem__, len(data))) if candidates else None


def origins_of_file(path: str, size: int) -> Origins | None:
    """Where the content of a file that was written comes from, if the same was seen in memory or another file."""
    candidates = [*_of_size(size), *_raw_arrays(size)]
    return _find(candidates, _digest_of_file(path)) if candidates else None


def span_of(buffer: Any) -> tuple[int, int] | None:
    """Position and size of a buffer in memory; None for anything else."""
    if type(buffer) not in (io.BytesIO, io.StringIO) or buffer.closed:
        return None
    position = buffer.tell()
    end = buffer.seek(0, os.SEEK_END)
    buffer.seek(position)
    return position, end


def _of_size(size: int) -> list[_Noted]:
    recorder = current()
    return [] if recorder is None or size < _MIN_SIZE else _noted.get((recorder.process_id, size), [])


def _note(size: int, noted: _Noted) -> None:
    recorder = current()
    if recorder is None:
        return
    place = (recorder.process_id, size)
    known = _noted.get(place)
    if known is None:
        if len(_noted) >= _MAX_NOTED:
            _noted.clear()
        _noted[place] = [noted]
        return
    for other in known:
        if (other.path, other.version) == (noted.path, noted.version) and other.digest == noted.digest:
            if other.origins is None or noted.before is None or _names(other.origins) != _names(noted.before):
                other.origins = _joined(other.origins, noted.origins)
            else:
                # Read back from where it was written.
                other.origins, other.before = noted.origins, noted.before
            return
    if len(known) >= _MAX_OF_A_SIZE:
        del known[0]
    known.append(noted)


def _find(candidates: list[_Noted], digest: str) -> Origins | None:
    matching: list[_Noted] = []
    for noted in candidates:
        if not noted.digest and noted.path:
            changed = file_version(noted.path)[0] != noted.version
            noted.digest = "" if changed else _digest_of_file(noted.path)
            noted.path = noted.path if noted.digest else ""
        if digest and noted.digest == digest:
            matching.append(noted)
    # What a file was made from is farther away than the file.
    farther = [_names(noted.before) for noted in matching if noted.before is not None]
    found = [noted for noted in matching if noted.origins is None or _names(noted.origins) not in farther]
    origins = found[0].origins if found else None
    for noted in found[1:]:
        origins = _joined(origins, noted.origins)
    return origins


def _joined(one: Origins | None, other: Origins | None) -> Origins | None:
    return other if one is not None and other is not None and _names(one) == _names(other) else None


def _names(origins: Origins) -> frozenset[tuple[str, str]]:
    return frozenset((read.entity.namespace, read.entity.name) for read in origins.reads)


def _bytes(content: Any) -> bytes | None:
    kind = type(content)
    if kind in (io.BytesIO, io.StringIO):
        # A copy only of a text; what a BytesIO holds is shared.
        content = None if content.closed else content.getvalue()
        kind = type(content)
    if kind is str:
        try:
            return bytes(content.encode())
        except UnicodeEncodeError:
            return None
    return content if kind is bytes else None


def _raw_arrays(size: int) -> list[_Noted]:
    """Arrays that native code may just have written as they are: a method that can't be wrapped."""
    frame = user_frame() if size >= _MIN_SIZE else None
    if frame is None or "tofile" not in frame.f_code.co_names:
        return []
    return [
        _Noted(origins_of_array(array), _digest(content.__getitem__, size))
        for array in followed()
        if (content := raw_content(array, size)) is not None
    ]


def _digest_of_file(path: str) -> str:
    try:
        with peek(path) as file:

            def part(place: slice) -> bytes:
                file.seek(place.start)
                return file.read(place.stop - place.start)

            return _digest(part, os.fstat(file.fileno()).st_size)
    except OSError:
        return ""


def _digest(part: Callable[[slice], bytes | memoryview], size: int) -> str:
    digest = hashlib.sha256()
    if size <= _SAMPLE * _SAMPLES:
        digest.update(part(slice(0, size)))
    else:
        for number in range(_SAMPLES):
            start = number * (size - _SAMPLE) // (_SAMPLES - 1)
            digest.update(part(slice(start, start + _SAMPLE)))
    return digest.hexdigest()
