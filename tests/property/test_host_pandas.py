# SPDX-License-Identifier: Apache-2.0
"""Random programs on pandas see no difference when they are observed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from twice import Step, assert_same

from otelprov_instrumentors.pandas import PandasInstrumentor

FRAMES = some.sampled_from(["p", "q"])
FILES = some.sampled_from(["a.csv", "b.csv", "ragged.csv", "out.csv", "none/x.csv", "a.json"])
COLUMNS = some.sampled_from(["k", "v", "w", "missing"])
READS = some.tuples(
    some.sampled_from(["read_csv", "read_csv", "read_csv", "read_json", "read_table"]),
    FILES,
    some.fixed_dictionaries(
        {},
        optional={
            "usecols": some.sampled_from([["k"], ["missing"]]),
            "on_bad_lines": some.sampled_from(["warn", "skip"]),
            "chunksize": some.just(1),
            "dtype": some.sampled_from([str, {"k": "int8"}]),
            "sep": some.sampled_from([",", r"[,;]x?"]),
            "nonsense": some.just(1),
        },
    ),
)
STEPS = some.one_of(
    some.tuples(some.just("read"), FRAMES, READS),
    some.tuples(
        some.just("write"),
        FRAMES,
        some.sampled_from(["to_csv", "to_json", "to_html", "to_parquet", "to_nothing"]),
        some.sampled_from(["out.csv", "a.json", "none/x.csv", None, "t.parquet"]),
    ),
    some.tuples(some.just("merge"), FRAMES, FRAMES, FRAMES, COLUMNS, some.sampled_from(["inner", "outer", "wrong"])),
    some.tuples(some.just("group"), FRAMES, FRAMES, COLUMNS, some.sampled_from(["sum", "mean", "apply", "wrong"])),
    some.tuples(some.just("filter"), FRAMES, FRAMES, COLUMNS, some.sampled_from([0, 1, "x", None])),
    some.tuples(some.just("assign"), FRAMES, FRAMES, COLUMNS, COLUMNS),
    some.tuples(some.just("set"), FRAMES, COLUMNS, some.sampled_from([1, [1, 2], "x", None, [1, 2, 3, 4]])),
    some.tuples(
        some.just("method"),
        FRAMES,
        FRAMES,
        some.sampled_from(
            [
                "head",
                "copy",
                "reset_index",
                "dropna",
                "drop_duplicates",
                "isna",
                "transpose",
                "describe",
                "sum",
                "items",
            ]
        ),
    ),
    some.tuples(
        some.just("method"),
        FRAMES,
        FRAMES,
        some.sampled_from(["set_index", "sort_values", "drop", "pop", "get", "explode", "nunique", "pivot", "pipe"]),
        COLUMNS,
    ),
    some.tuples(some.just("concat"), FRAMES, some.lists(FRAMES, max_size=3)),
    some.tuples(some.just("column"), FRAMES, COLUMNS),
    some.tuples(some.just("chained"), FRAMES, COLUMNS),
    some.tuples(some.just("loc"), FRAMES, COLUMNS, some.sampled_from([0, 7, slice(None), "x"])),
    some.tuples(some.just("attribute"), FRAMES, some.sampled_from(["note", "k", "columns", "attrs"])),
    some.tuples(some.just("boom"), FRAMES),
)


def begin() -> None:
    Path("a.csv").write_text("k,v\n1,2.5\n2,4.0\n2,\n")
    Path("b.csv").write_text("k,w\n2,x\n3,y\n")
    Path("ragged.csv").write_text("k,v\n1,2\n1,2,3,4\n")


def do(state: dict[str, Any], step: Step) -> Any:
    kind, *rest = step
    if kind == "read":
        name, (method, path, how) = rest
        found = getattr(pd, method)(path, **how)
        state[name] = found if isinstance(found, pd.DataFrame) else pd.concat(list(found))
        return state[name]
    if kind == "concat":
        state[rest[0]] = pd.concat([state[each] for each in rest[1]])
        return state[rest[0]]
    frame = state[rest[0]]
    if kind == "write":
        return getattr(frame, rest[1])(rest[2])
    if kind == "merge":
        _, other, into, column, how = rest
        state[into] = frame.merge(state[other], on=column, how=how)
        return state[into]
    if kind == "group":
        _, into, column, how = rest
        groups = frame.groupby(column)
        state[into] = groups.apply(_first) if how == "apply" else getattr(groups, how)()
        return state[into]
    if kind == "filter":
        _, into, column, value = rest
        state[into] = frame[frame[column] > value]
        return state[into]
    if kind == "assign":
        _, into, column, source = rest
        state[into] = frame.assign(**{column: lambda each: each[source]})
        return state[into]
    if kind == "set":
        frame[rest[1]] = rest[2]
        return frame
    if kind == "method":
        _, into, method, *arguments = rest
        found = getattr(frame, method)(*((_twice,) if method == "pipe" else arguments))
        if isinstance(found, pd.DataFrame):
            state[into] = found
        return list(found) if method == "items" else found
    if kind == "column":
        return frame[rest[1]], frame.columns.tolist(), frame.index
    if kind == "chained":
        frame[rest[1]][0] = 1
        return frame
    if kind == "loc":
        frame.loc[rest[2], rest[1]] = 9
        return frame
    if kind == "attribute":
        setattr(frame, rest[1], [1, 2])
        return getattr(frame, rest[1])
    return frame.apply(_boom)


def _first(group: pd.DataFrame) -> Any:
    return group.iloc[0]


def _twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame])


def _boom(_column: Any) -> Any:
    raise ValueError("mine")


def show(result: Any) -> str:
    if isinstance(result, (list, tuple)):
        return str([show(each) for each in result])
    if isinstance(result, pd.DataFrame):
        shape = (result.dtypes.to_dict(), result.index.dtype, result.attrs, result._metadata)
        return str((type(result).__qualname__, result.to_dict("split"), shape))
    if isinstance(result, pd.Series):
        return str((type(result).__qualname__, result.name, result.dtype, result.tolist(), result.index.tolist()))
    return repr(result)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(some.lists(STEPS, min_size=1, max_size=12))
def test_the_program_sees_no_difference(steps: list[Step]) -> None:
    start: list[Step] = [("read", "p", ("read_csv", "a.csv", {})), ("read", "q", ("read_csv", "b.csv", {}))]
    assert_same(PandasInstrumentor(), start + steps, do, show, begin)
