# SPDX-License-Identifier: Apache-2.0
"""A folder with two tables, everything that reads and writes tables observed in it, and the edges that follow."""

import pytest
from instrumented import recording_with

from otelprov.lineage.derive import derive_run
from otelprov.lineage.extract import extract
from otelprov.store.contract import Fact
from otelprov_instrumentors.files import FilesInstrumentor
from otelprov_instrumentors.numpy import NumpyInstrumentor
from otelprov_instrumentors.pandas import PandasInstrumentor
from otelprov_instrumentors.sqlite3 import Sqlite3Instrumentor

INSTRUMENTORS = (FilesInstrumentor, Sqlite3Instrumentor, PandasInstrumentor, NumpyInstrumentor)
PLOTS = "plot,crop,area\n" + "".join(f"{number},{('rye', 'oats')[number % 2]},{number / 4}\n" for number in range(40))
YIELDS = "plot,tons\n" + "".join(f"{number},{number * 3}\n" for number in range(40))


@pytest.fixture(name="recorded")
def record_tables(tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "plots.csv").write_text(PLOTS)
    (work / "yields.csv").write_text(YIELDS)
    with recording_with(tmp_path / "home", *INSTRUMENTORS) as found:
        yield found


def edges(recorded):
    """What was derived: (input, output, evidence), by the last parts of their names."""
    records = extract(recorded.spans())
    ios = [*records.ios, *(fact for statement in records.statements for fact in statement.facts)]
    found = derive_run([Fact(number, io) for number, io in enumerate(ios, 1)], records.steps)
    names = {fact.id: fact.io.name.rpartition("/")[2] for fact in found.facts}
    return {(names[edge.input], names[edge.output], edge.evidence) for edge in found.edges}


def flows(recorded):
    """(input, output) of what was derived by flow; there must be no weaker edge."""
    found = edges(recorded)
    assert {evidence for _, _, evidence in found} <= {"flow"}, found
    return {(source, target) for source, target, _ in found}
