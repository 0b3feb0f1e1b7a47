# SPDX-License-Identifier: Apache-2.0
"""A folder with three small tables, pandas observed in it, and how to ask where something comes from."""

import hashlib
import pathlib
import threading

import pytest
from instrumented import recording_with

from otelprov.capture.flow import frames
from otelprov.semconv import (
    CODE_FILE_PATH,
    PROVENANCE_COLUMNS,
    PROVENANCE_ENTITY_NAME,
    PROVENANCE_ENTITY_VERSION,
    PROVENANCE_EVIDENCE,
    PROVENANCE_ROWS,
)
from otelprov_instrumentors.pandas import PandasInstrumentor


@pytest.fixture(name="recorded")
def record_pandas(tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "plots.csv").write_text("plot,crop,area\n1,rye,2.5\n2,oats,4.0\n3,rye,1.5\n")
    (work / "yields.csv").write_text("plot,tons\n1,7\n2,9\n3,4\n")
    (work / "noise.csv").write_text("plot,tons\n9,1\n8,2\n")
    with recording_with(tmp_path / "home", PandasInstrumentor) as found:
        yield found


def sources(span):
    """Short names of what the flow of a write says that it comes from."""
    return sorted(
        event.attributes[PROVENANCE_ENTITY_NAME].rpartition("/")[2]
        for event in span.events
        if PROVENANCE_EVIDENCE in event.attributes
    )


def assert_is_read_of_plots(span, caller):
    """A read of `plots.csv` says what it read, and who read it."""
    content = pathlib.Path("plots.csv").read_bytes()
    assert span.name == "read plots.csv"
    assert span.attributes[PROVENANCE_ENTITY_NAME] == str(pathlib.Path("plots.csv").resolve())
    assert span.attributes[PROVENANCE_ENTITY_VERSION] == "sha256:" + hashlib.sha256(content).hexdigest()
    assert (span.attributes[PROVENANCE_ROWS], span.attributes[PROVENANCE_COLUMNS]) == (3, 3)
    assert span.attributes[CODE_FILE_PATH] == caller


def assert_threads_keep_apart(work):
    """Eight threads do some work, each on a file of its own: what `work` gives comes from that file alone."""
    for number in range(8):
        pathlib.Path(f"t{number}.csv").write_text("a,b\n1,2\n3,4\n")
    found = {}

    def note(number):
        found[number] = comes_from(work(f"t{number}.csv"))

    threads = [threading.Thread(target=note, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: ([f"t{number}.csv"], True) for number in range(8)}


def comes_from(obj):
    """Short names of the reads that an object comes from, and whether they are all there is."""
    found = frames.known(obj)
    return found and (sorted(read.entity.short_name for read in found.reads), found.complete)


BOTH = (["plots.csv", "yields.csv"], True)
