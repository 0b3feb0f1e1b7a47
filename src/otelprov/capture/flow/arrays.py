# SPDX-License-Identifier: Apache-2.0
"""Where numpy arrays come from: their views too, and no longer completely once they were changed in place.

What changes an array is native code, which nobody is told of. So a sample of its content is compared.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

from otelprov.capture.flow.identity import Origins, origins_of, remember, stamp_of

# Larger arrays are compared by elements of about so many bytes, spread over all rows and columns.
_SAMPLE = 65_536
# What can't be compared without code of the program, or without reading a file, may have been changed.
_UNKNOWN = -1
_MAX_VIEWS = 5
_MAX_CLASSES = 2000
# The class of numpy's own among the bases of a class.
_arrays: dict[type, type[Any] | None] = {}


def remember_array(array: Any, origins: Origins) -> None:
    """Note where an array comes from, and what it shares its content with."""
    stamp = _stamp(array) if origins.complete else None
    remember(array, origins, stamp)
    base = _base(array)
    if base is not None:
        known = origins_of(base)
        # Seen through two frames, the content of both is of the narrower origin.
        if known is None or len(origins.reads) < len(known.reads):
            remember(base, origins, None if stamp is None else _stamp(base))


def origins_of_array(array: Any) -> Origins | None:
    """Where an array, or what it is a view of, comes from; not complete if its content is no longer what it was."""
    holder = array
    for _ in range(_MAX_VIEWS):
        found = origins_of(holder)
        if found is not None:
            if found.complete and _is_changed(holder):
                found = Origins(found.reads, complete=False)
                remember(holder, found)
            return found
        holder = _base(holder)
        if holder is None:
            return None
    return None


def raw_content(array: Any, size: int) -> memoryview | None:
    """The content of an array of so many bytes as it lies in memory; None for anything else."""
    if not _is_plain(array) or array.nbytes != size or not array.flags.c_contiguous or array.dtype.hasobject:
        return None
    return memoryview(array.reshape(-1).view("u1"))


def _is_plain(array: Any) -> bool:
    cls = type(array)
    return cls.__name__ == "ndarray" and cls.__module__ == "numpy"


def _base(array: Any) -> Any:
    base = _asked(array, "base")
    return base if _numpys(base) is not None else None


def _asked(array: Any, name: str) -> Any:
    """An attribute of an array as numpy has it: a subclass may have one of its own."""
    cls = _numpys(array)
    return None if cls is None else vars(cls)[name].__get__(array)


def _numpys(obj: Any) -> type[Any] | None:
    cls = type(obj)
    if cls not in _arrays:
        if len(_arrays) >= _MAX_CLASSES:
            _arrays.clear()
        bases = (base for base in cls.__mro__ if base.__name__ == "ndarray" and base.__module__ == "numpy")
        _arrays[cls] = next(bases, None)
    return _arrays[cls]


def _is_changed(array: Any) -> bool:
    stamp = stamp_of(array)
    return stamp is not None and (stamp == _UNKNOWN or stamp != _stamp(array))


def _stamp(array: Any) -> int | None:
    """What tells an array from what it is after a change; None for one that is read-only."""
    if not _asked(array, "flags").writeable:
        return None
    if not _is_plain(array):
        return _UNKNOWN
    if array.nbytes <= _SAMPLE:
        return zlib.crc32(array.tobytes())
    step = array.nbytes // _SAMPLE + 1
    while any(math.gcd(step, length) > 1 for length in array.shape):
        step += 1
    flat = array.T if array.flags.f_contiguous else array
    sample = flat.reshape(-1) if flat.flags.c_contiguous else flat
    return zlib.crc32(sample[::step].tobytes()[: 4 * _SAMPLE])
