# SPDX-License-Identifier: Apache-2.0
"""Arrays in the safetensors format, which native code reads and writes."""

import pathlib

import numpy as np
import pandas as pd
import pytest
from model_plots import comes_from, record_models, written  # noqa: F401
from safetensors import numpy as safetensors_numpy


@pytest.mark.parametrize("target", [str, pathlib.Path])
def test_arrays_are_followed_through_a_file(recorded, target):
    path = target("arrays.safetensors")
    safetensors_numpy.save_file({"area": pd.read_csv("plots.csv")["area"].to_numpy()}, filename=path)
    loaded = safetensors_numpy.load_file(path)
    assert type(loaded["area"]) is np.ndarray
    assert comes_from(loaded["area"]) == (["arrays.safetensors"], True)
    assert [span.name for span in recorded.io()] == [
        *("read plots.csv", "write arrays.safetensors", "read arrays.safetensors"),
    ]
    assert written(recorded) == {"arrays.safetensors": (["plots.csv"], True)}
