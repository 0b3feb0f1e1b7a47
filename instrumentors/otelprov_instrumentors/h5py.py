# SPDX-License-Identifier: Apache-2.0
"""HDF5 files through h5py: files that are read and written, arrays followed out of them and into them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from otelprov.capture.flow import frames
from otelprov.capture.flow.identity import Origins, remember
from otelprov.capture.tables import hdf5
from otelprov.instrumentation import Call, Instrumentor, Patch

frames.declare("h5py", data=("Dataset",))
_SCOPE = "otelprov.h5py"


def _open(call: Call) -> Generator[None, Any, None]:
    target, mode = call.argument("name", 1), call.argument("mode", 2, "r")
    if type(target).__module__.partition(".")[0] == "h5py":
        # Another object for a file that is open already.
        return
    opened = hdf5.opening(call, target, mode if type(mode) is str else "r")
    yield
    opened(call.instance)


def _close(call: Call) -> Generator[None, Any, None]:
    file = hdf5.closing(hdf5.name_of(call.instance))
    if file is not None:
        yield
        file.close()


def _take(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    found = hdf5.origins_in(args[0], _SCOPE)
    if found is not None:
        frames.add(result, found)


def _take_into(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    _take(args, kwargs, args[1] if len(args) > 1 else kwargs["dest"])


def _take_text(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    _take((args[0]._dset,), kwargs, result)


def _find(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    # To find a dataset in a file that may be changed is not to read it.
    if frames.kind_of(type(result)) == frames.DATA:
        file = hdf5.file_of(result)
        if file is not None and file.unread is None and file.read is not None and file.written is None:
            remember(result, file.read)


def _is_object(value: Any) -> bool:
    # Files, groups and datasets; links have no id.
    return type(value).__module__.partition(".")[0] == "h5py" and hasattr(type(value), "id")


def _put(name: str, position: int) -> Any:
    def follow(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        value = kwargs[name] if name in kwargs else args[position] if position < len(args) else None
        file = None if value is None else hdf5.file_of(args[0])
        if file is None:
            return
        if _is_object(value):
            file.put(hdf5.origins_in(value, _SCOPE))
            return
        found, unknown = frames.contents((value,))
        if found is not None or unknown:
            file.put(Origins(found.reads, complete=False) if found is not None and unknown else found)

    return follow


def _copy(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    # Both may be named by their path in the group whose method it is.
    given = [args[at] if at < len(args) else kwargs[name] for at, name in ((1, "source"), (2, "dest"))]
    source, target = (hdf5.file_of(value if _is_object(value) else args[0]) for value in given)
    if target is not None and target is not source:
        target.put(None if source is None else source.taken())


class H5pyInstrumentor(Instrumentor):
    """Records HDF5 files that are read and written, and follows the arrays in them."""

    library = "h5py"
    distribution = "h5py"
    versions = ">=3.8,<4"
    patches = (
        Patch("h5py._hl.files", "File.__init__", _open),
        Patch("h5py._hl.files", "File.close", _close),
        Patch("h5py._hl.dataset", "Dataset.__getitem__", follow=_take),
        Patch("h5py._hl.dataset", "Dataset.__array__", follow=_take),
        Patch("h5py._hl.dataset", "Dataset.read_direct", follow=_take_into),
        Patch("h5py._hl.dataset", "AsStrView.__getitem__", follow=_take_text),
        Patch("h5py._hl.dataset", "Dataset.__setitem__", follow=_put("val", 2)),
        Patch("h5py._hl.dataset", "Dataset.write_direct", follow=_put("source", 1)),
        Patch("h5py._hl.group", "Group.__getitem__", follow=_find),
        Patch("h5py._hl.group", "Group.create_dataset", follow=_put("data", 4)),
        Patch("h5py._hl.group", "Group.copy", follow=_copy),
        Patch("h5py._hl.attrs", "AttributeManager.__getitem__", follow=_take),
        Patch("h5py._hl.attrs", "AttributeManager.create", follow=_put("data", 2)),
        Patch("h5py._hl.attrs", "AttributeManager.modify", follow=_put("value", 2)),
    )
