# SPDX-License-Identifier: Apache-2.0
"""A program that uses pandas sees no difference: results, exceptions, warnings, types, signatures, speed of import."""

import copy
import inspect
import io
import pathlib
import pickle
import traceback
import warnings

import pandas as pd
import pytest

from otelprov.capture.flow import frames, identity
from otelprov.testing import recording
from otelprov_instrumentors.pandas import PandasInstrumentor

INSTRUMENTOR = PandasInstrumentor()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "a.csv").write_text("k,v\n1,2.5\n2,4.0\n")
    (work / "ragged.csv").write_text("k,v\n1,2\n1,2,3,4\n")
    return tmp_path


@pytest.fixture
def observed(folder):
    INSTRUMENTOR.instrument()
    try:
        with recording(folder / "home") as found:
            yield found
    finally:
        INSTRUMENTOR.uninstrument()


def outcome(action, tmp_path=None):
    """What a program can see of an action: result, or type and message of the exception, and its warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result = action()
        except Exception as error:
            result = (type(error), str(error))
    if isinstance(result, (pd.DataFrame, pd.Series)):
        result = (type(result), result.to_string())
    return result, [(type(one.message), str(one.message), one.filename, one.lineno) for one in told]


def _chained():
    frame = pd.read_csv("a.csv")
    frame["v"][0] = 1.0


def _chained_inplace():
    frame = pd.read_csv("a.csv")
    frame["v"].fillna(0, inplace=True)


def _chained_loc():
    frame = pd.read_csv("a.csv")
    frame["v"].loc[0] = 1.0


def _local_set():
    frame = pd.read_csv("a.csv")
    frame["new"] = frame["v"]
    return frame


def _bad_key():
    return pd.read_csv("a.csv")["missing"]


def _bad_lines():
    return pd.read_csv("ragged.csv", on_bad_lines="warn")


def _parse_fallback():
    return pd.read_csv("a.csv", sep=r"[,;]x?")


def _mixed_dates():
    return pd.to_datetime(pd.Series(["13/01/2020", "14/01/2020"]))


def _user_attribute():
    frame = pd.read_csv("a.csv")
    frame.other = [1, 2]


def _excel_parse():
    pd.read_csv("a.csv").to_excel("a.xlsx", index=False)
    with pd.ExcelFile("a.xlsx") as book:
        return book.parse(0)


def _concat_nothing():
    return pd.concat([])


def _merge_mistake():
    frame = pd.read_csv("a.csv")
    return frame.merge(frame, on="nothing")


def _subclass():
    class Mine(pd.DataFrame):
        _metadata = ("note",)

        @property
        def _constructor(self):
            return Mine

    frame = Mine(pd.read_csv("a.csv"))
    frame.note = "kept"
    taken = frame[frame["k"] > 1]
    return type(taken).__name__, taken.note, frames.known(taken) is None


ACTIONS = [
    _chained,
    _chained_inplace,
    _chained_loc,
    _local_set,
    _bad_key,
    _bad_lines,
    _parse_fallback,
    _mixed_dates,
    _user_attribute,
    _excel_parse,
    _concat_nothing,
    _merge_mistake,
]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_results_exceptions_and_warnings_are_the_same(folder, action):
    bare = outcome(action)
    INSTRUMENTOR.instrument()
    try:
        with recording(folder / "home"):
            seen = outcome(action)
    finally:
        INSTRUMENTOR.uninstrument()
    assert seen == bare


def test_the_actions_above_do_warn_at_the_line_of_the_program(folder):
    told = {action.__name__: outcome(action)[1] for action in ACTIONS}
    warning = [name for name, found in told.items() if found]
    assert {"_chained_inplace", "_bad_lines", "_parse_fallback", "_user_attribute"} <= set(warning)
    assert {place for found in told.values() for _, _, place, _ in found} == {__file__}


def test_signatures_and_names_are_the_originals(folder):
    targets = (pd.read_csv, pd.merge, pd.concat, pd.DataFrame.to_csv, pd.DataFrame.merge, pd.DataFrame.__init__)
    bare = [
        (inspect.signature(each), each.__name__, each.__qualname__, each.__module__, each.__doc__) for each in targets
    ]
    INSTRUMENTOR.instrument()
    try:
        now = (pd.read_csv, pd.merge, pd.concat, pd.DataFrame.to_csv, pd.DataFrame.merge, pd.DataFrame.__init__)
        assert all(each is not old for each, old in zip(now, targets, strict=True))
        assert bare == [
            (inspect.signature(each), each.__name__, each.__qualname__, each.__module__, each.__doc__) for each in now
        ]
        assert inspect.isfunction(pd.read_csv)
        assert isinstance(vars(pd.DataFrame)["values"], property)
        assert isinstance(vars(pd.DataFrame)["from_dict"], classmethod)
    finally:
        INSTRUMENTOR.uninstrument()


def test_functions_pickle_by_reference(observed):
    for function in (pd.read_csv, pd.concat, pd.DataFrame.merge):
        assert pickle.loads(pickle.dumps(function)) is function


def test_uninstrumenting_puts_everything_back(folder):
    owners = (pd, pd.DataFrame, pd.Series, pd.core.generic.NDFrame, pd.core.groupby.groupby.GroupBy)
    before = [dict(vars(owner)) for owner in owners]
    INSTRUMENTOR.instrument()
    INSTRUMENTOR.uninstrument()
    for owner, names in zip(owners, before, strict=True):
        assert set(vars(owner)) == set(names)
        assert [name for name, value in names.items() if vars(owner)[name] is not value] == []


def test_frames_are_plain_frames(observed):
    frame = pd.read_csv("a.csv")
    assert type(frame) is pd.DataFrame
    assert frame.attrs == {}
    assert set(vars(frame)) <= set(vars(pd.DataFrame({"a": [1]}))) | {"_item_cache"}
    again = pickle.loads(pickle.dumps(frame))
    pd.testing.assert_frame_equal(again, frame)
    copied = copy.deepcopy(frame)
    pd.testing.assert_frame_equal(copied, frame)
    assert frames.known(copied) == frames.known(frame)
    frame.attrs["mine"] = {"a": 1}
    assert frame.copy().attrs == {"mine": {"a": 1}}


def test_subclasses_keep_their_type_and_are_followed(observed):
    assert _subclass() == ("Mine", "kept", False)


def test_tracebacks_show_the_program_and_the_library_only(observed):
    with pytest.raises(KeyError) as caught:
        _bad_key()
    places = {pathlib.Path(frame.filename).parts[-2] for frame in traceback.extract_tb(caught.value.__traceback__)}
    assert "otelprov" not in places


def test_what_a_generator_was_given_is_not_consumed_twice(observed):
    pulled = []

    def parts():
        for number in range(3):
            pulled.append(number)
            yield pd.DataFrame({"a": [number]})

    assert len(pd.concat(parts())) == 3
    assert pulled == [0, 1, 2]


def test_objects_of_the_program_are_never_asked_anything(observed):
    class Touchy:
        def __getattribute__(self, name):
            if name not in ("__class__", "__array_interface__", "__array_struct__", "__array__"):
                touched.append(name)
            return object.__getattribute__(self, name)

        def __eq__(self, other):
            raise AssertionError("compared")

        __hash__ = object.__hash__

    touched = []
    frame = pd.read_csv("a.csv")
    touched.clear()
    frames.contents([Touchy(), {"a": Touchy()}, [Touchy()]])
    frames.parameters([Touchy(), [Touchy()], lambda: touched])
    frames.add(Touchy(), frames.known(frame))
    assert touched == []


def test_a_reader_stays_lazy(observed):
    class Slow(io.StringIO):
        lines = 0

        def __next__(self):
            Slow.lines += 1
            return super().__next__()

    text = Slow("a\n" + "1\n" * 1000)
    reader = pd.read_csv(text, chunksize=1, engine="python")
    assert Slow.lines < 20
    next(reader)
    assert Slow.lines < 40
    reader.close()


def test_nothing_is_followed_where_nothing_is_recorded(folder):
    INSTRUMENTOR.instrument()
    try:
        before = identity.count()
        frame = pd.read_csv("a.csv").merge(pd.read_csv("a.csv"), on="k")
        assert frames.known(frame) is None
        assert identity.count() <= before
    finally:
        INSTRUMENTOR.uninstrument()
