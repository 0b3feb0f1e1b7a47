# SPDX-License-Identifier: Apache-2.0
"""A folder with three tables to learn from, what works on them observed, and how to ask where something comes from."""

import pytest
from instrumented import recording_with
from pandas_plots import comes_from, sources

from otelprov_instrumentors.files import FilesInstrumentor
from otelprov_instrumentors.h5py import H5pyInstrumentor
from otelprov_instrumentors.joblib import JoblibInstrumentor
from otelprov_instrumentors.numpy import NumpyInstrumentor
from otelprov_instrumentors.openpyxl import OpenpyxlInstrumentor
from otelprov_instrumentors.pandas import PandasInstrumentor
from otelprov_instrumentors.safetensors import SafetensorsInstrumentor
from otelprov_instrumentors.sklearn import SklearnInstrumentor

INSTRUMENTORS = (
    *(FilesInstrumentor, PandasInstrumentor, NumpyInstrumentor),
    *(SklearnInstrumentor, JoblibInstrumentor, H5pyInstrumentor, OpenpyxlInstrumentor, SafetensorsInstrumentor),
)
__all__ = ["comes_from", "record_models", "sources", "written"]


@pytest.fixture(name="recorded")
def record_models(tmp_path, monkeypatch):
    """What is recorded of programs in a folder that has `plots.csv`, `fields.csv` and `noise.csv`."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for seed, name in enumerate(("plots", "fields", "noise")):
        rows = [(number % 7 + seed, number * (seed + 3) % 11, (number + seed) % 2) for number in range(24)]
        lines = ["area,tons,large", *(f"{area},{tons},{large}" for area, tons, large in rows)]
        (work / f"{name}.csv").write_text("\n".join(lines) + "\n")
    with recording_with(tmp_path / "home", *INSTRUMENTORS) as found:
        yield found


def written(recorded):
    """What was written, by short name: its sources, and whether they are all there is."""
    return {
        span.name.partition(" ")[2]: (sorted(set(sources(span))), span.attributes.get("provenance.flow.complete"))
        for span in recorded.io()
        if span.name.startswith(("write", "append"))
    }
