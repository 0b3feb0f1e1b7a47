# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that PyTorch saves and loads, and modules that are loaded from them."""

from __future__ import annotations

from typing import Any

from otelprov.capture.flow import frames
from otelprov.capture.flow.frames import add
from otelprov.capture.flow.weights import note_weights, reads_weights, weights_from, writes_weights
from otelprov.instrumentation import Instrumentor, Patch

frames.declare("torch", data=("Tensor",), models=("Module",))

_save = writes_weights("obj", "f", "pytorch")
_load = reads_weights("f", "pytorch")
_save_tensors = writes_weights("tensors", "filename", "safetensors")
_load_tensors = reads_weights("filename", "safetensors")
_save_script = writes_weights("m", "f", "torchscript")
_load_script = reads_weights("f", "torchscript")


def _take_state(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    found = weights_from(args[1] if len(args) > 1 else kwargs["state_dict"])
    if found is not None:
        add(args[0], found)


def _give_state(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    found = frames.known(args[0])
    # Modules ask the modules in them, and hand over what is to be filled.
    if found is not None and len(args) == 1 and kwargs.get("destination") is None:
        note_weights(result, found)


class TorchInstrumentor(Instrumentor):
    """Records checkpoints that are read and written, and follows them through the state of modules."""

    library = "torch"
    distribution = "torch"
    versions = ">=2.4,<3"
    patches = (
        *(Patch(module, "save", _save) for module in ("torch", "torch.serialization")),
        *(Patch(module, "load", _load) for module in ("torch", "torch.serialization")),
        *(Patch(module, "save", _save_script) for module in ("torch.jit", "torch.jit._serialization")),
        *(Patch(module, "load", _load_script) for module in ("torch.jit", "torch.jit._serialization")),
        Patch("safetensors.torch", "save_file", _save_tensors),
        Patch("safetensors.torch", "load_file", _load_tensors),
        Patch("torch.nn.modules.module", "Module.load_state_dict", follow=_take_state),
        Patch("torch.nn.modules.module", "Module.state_dict", follow=_give_state),
    )
