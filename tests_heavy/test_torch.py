# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that PyTorch writes and reads, and what is followed through the state of modules."""

import io
import pathlib
import weakref

import numpy as np
import pytest
import torch
from instrumented import recording_with
from safetensors.torch import load_file  # noqa: F401 - so that it is there when it is patched
from table_plots import edges

from otelprov.capture.flow.identity import origins_of
from otelprov_instrumentors.files import FilesInstrumentor
from otelprov_instrumentors.numpy import NumpyInstrumentor
from otelprov_instrumentors.torch import TorchInstrumentor


@pytest.fixture(name="recorded")
def record_torch(tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    torch.save({"state": _model().state_dict(), "epoch": 3}, "start.pt")
    with recording_with(tmp_path / "home", FilesInstrumentor, NumpyInstrumentor, TorchInstrumentor) as found:
        yield found


def _model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(3, 1)))


def _comes_from(obj):
    found = origins_of(obj)
    return found and (sorted(read.entity.short_name for read in found.reads), found.complete)


def _names(recorded):
    return [span.name for span in recorded.io()]


TARGETS = {"text": str, "path": pathlib.Path}
START = (["start.pt"], False)


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("kind", TARGETS)
def test_a_path_is_one_edge(recorded, kind, weights_only):
    torch.save(obj=torch.ones(3), f=TARGETS[kind]("ones.pt"))
    loaded = torch.load(TARGETS[kind]("ones.pt"), weights_only=weights_only)
    assert loaded.tolist() == [1.0, 1.0, 1.0]
    assert _comes_from(loaded) == (["ones.pt"], False)
    assert _names(recorded) == ["write ones.pt", "read ones.pt"]
    assert {span.attributes["provenance.entity.format"] for span in recorded.io()} == {"pytorch"}


@pytest.mark.parametrize("mmap", [True, False])
def test_a_file_may_be_mapped(recorded, mmap):
    assert _comes_from(torch.load("start.pt", mmap=mmap)["state"]["0.weight"]) == START
    assert _names(recorded) == ["read start.pt"]


def test_the_old_format_is_one_edge_too(recorded):
    torch.save(torch.ones(3), "old.pt", _use_new_zipfile_serialization=False)
    assert _comes_from(torch.load("old.pt")) == (["old.pt"], False)
    assert _names(recorded) == ["write old.pt", "read old.pt"]


def test_open_files_are_one_edge(recorded):
    with open("start.pt", "rb") as source:
        state = torch.load(source)["state"]
    assert _comes_from(state["0.weight"]) == START
    with open("copy.pt", "wb") as target:
        torch.save(state, target)
    assert _names(recorded) == ["read start.pt", "write copy.pt"]
    assert edges(recorded) == {("start.pt", "copy.pt", "flow")}


def test_buffers_are_seen_through(recorded):
    buffer = io.BytesIO()
    torch.save(torch.load("start.pt"), buffer)
    buffer.seek(0)
    loaded = torch.load(buffer)
    torch.save(loaded["state"], "copy.pt")
    assert edges(recorded) == {("start.pt", "copy.pt", "flow")}


def test_a_checkpoint_is_followed_through_a_module(recorded):
    model = _model()
    assert model.load_state_dict(torch.load("start.pt")["state"]).missing_keys == []
    assert _comes_from(model) == START
    assert _comes_from(model[1]) == START
    torch.save({"model": {"state": model.state_dict()}, "epoch": 4}, "next.pt")
    torch.save(model, "whole.pt")
    torch.save({name: value.clone() for name, value in model.state_dict().items()}, "cloned.pt")
    assert edges(recorded) == {
        ("start.pt", "next.pt", "flow"),
        ("start.pt", "whole.pt", "flow"),
        # A clone is another tensor.
        ("start.pt", "cloned.pt", "order"),
    }


def test_a_module_that_was_trained_has_what_it_started_from_and_may_have_all_that_was_read(recorded):
    np.save("data.npy", np.ones((4, 2), dtype="float32"))
    model = _model()
    model.load_state_dict(torch.load("start.pt")["state"])
    data = torch.from_numpy(np.load("data.npy"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(data).sum().backward()
    optimizer.step()
    torch.save(model.state_dict(), "trained.pt")
    assert edges(recorded) == {("start.pt", "trained.pt", "flow"), ("data.npy", "trained.pt", "order")}


def test_nothing_of_a_module_made_anew_is_known(recorded):
    model = _model()
    torch.load("start.pt")
    torch.save(model.state_dict(), "fresh.pt")
    assert _comes_from(model) is None
    assert edges(recorded) == {("start.pt", "fresh.pt", "order")}


def test_a_failed_load_is_no_read(recorded):
    pathlib.Path("broken.pt").write_bytes(b"no checkpoint")
    with pytest.raises(Exception, match=r".") as caught:
        torch.load("broken.pt")
    assert "otelprov" not in type(caught.value).__module__
    with pytest.raises(FileNotFoundError):
        torch.load("missing.pt")
    assert "read broken.pt" not in _names(recorded)


# Scripts are on their way out, and still what many programs have.
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_scripts_are_read_and_written(recorded):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), "model.ts")
    loaded = torch.jit.load("model.ts")
    assert _comes_from(loaded) == (["model.ts"], False)
    assert _names(recorded) == ["write model.ts", "read model.ts"]


def test_safetensors_are_read_and_written(recorded):
    import safetensors.torch

    state = torch.load("start.pt")["state"]
    safetensors.torch.save_file(dict(state), "model.safetensors")
    assert _comes_from(safetensors.torch.load_file("model.safetensors")["0.weight"]) == (["model.safetensors"], False)
    assert _names(recorded) == ["read start.pt", "write model.safetensors", "read model.safetensors"]
    assert edges(recorded) == {("start.pt", "model.safetensors", "flow")}


def test_results_are_plain_and_are_not_kept(recorded):
    state = torch.load("start.pt")["state"]
    assert type(state) is type(_model().state_dict())
    tensor = state["0.weight"]
    assert type(tensor) is torch.Tensor
    model = torch.nn.Linear(2, 1)
    assert str(model.load_state_dict(model.state_dict())) == "<All keys matched successfully>"
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict({})
    references = [weakref.ref(model), weakref.ref(tensor)]
    del model, state, tensor
    assert [reference() for reference in references] == [None, None]
