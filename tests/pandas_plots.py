# SPDX-License-Identifier: Apache-2.0
"""A folder with three small tables, pandas observed in it, and how to ask where something comes from."""

import pytest

from otelprov.capture import frames
from otelprov.semconv import PROVENANCE_ENTITY_NAME, PROVENANCE_EVIDENCE
from otelprov.testing import recording
from otelprov_instrumentors.pandas import PandasInstrumentor


@pytest.fixture(name="recorded")
def record_pandas(tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "plots.csv").write_text("plot,crop,area\n1,rye,2.5\n2,oats,4.0\n3,rye,1.5\n")
    (work / "yields.csv").write_text("plot,tons\n1,7\n2,9\n3,4\n")
    (work / "noise.csv").write_text("plot,tons\n9,1\n8,2\n")
    instrumentor = PandasInstrumentor()
    instrumentor.instrument()
    try:
        with recording(tmp_path / "home") as found:
            yield found
    finally:
        instrumentor.uninstrument()


def sources(span):
    """Short names of what the flow of a write says that it comes from."""
    return sorted(
        event.attributes[PROVENANCE_ENTITY_NAME].rpartition("/")[2]
        for event in span.events
        if PROVENANCE_EVIDENCE in event.attributes
    )


def comes_from(obj):
    """Short names of the reads that an object comes from, and whether they are all there is."""
    found = frames.known(obj)
    return found and (sorted(read.entity.short_name for read in found.reads), found.complete)


BOTH = (["plots.csv", "yields.csv"], True)
