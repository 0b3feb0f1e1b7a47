# SPDX-License-Identifier: Apache-2.0
"""Options and observers of containers from a file or the environment: what is set up, and what is said of mistakes."""

import json
import sys

import pytest
import yaml
from http_sink import listening
from launch import PLAIN, run
from observer_plots import lines_of, nobody_stays  # noqa: F401

from otelprov.containers import Collector, configure, observe, track, tracking
from otelprov.containers import configured as configured_module
from otelprov.containers.observers import watching
from otelprov.errors import UsageError

SEEN: list[str] = []
ALL = {
    "containers": {"*": {"history": 5}, "orders*": {"values": True, "site": True}},
    "observers": [
        {
            "type": "call",
            "call": f"{__name__}:note",
            "name": "mine",
            "target": "orders*",
            "actions": ["set"],
            "priority": 3,
        },
        {"type": "log", "logger": "mine.changes", "level": "warning", "location": "['a*"},
        {"type": "metrics", "most_series": 10},
    ],
}


def note(change):
    SEEN.append(f"{change.action} {change.name}{change.location}")


@pytest.mark.parametrize("kind", ["mapping", "json", "yaml"])
def test_options_by_name_and_observers_from_a_mapping_json_and_yaml(tmp_path, kind, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules[note.__module__])
    SEEN.clear()
    source = ALL
    if kind != "mapping":
        source = tmp_path / f"containers.{kind}"
        source.write_text(json.dumps(ALL) if kind == "json" else yaml.safe_dump(ALL))
    before = track({}, "orders-0")
    with configure(source) as made:
        orders, users = track({}, "orders-1"), track({}, "users")
        for _ in range(3):
            for container in (before, orders, users):
                container["a1"] = 1
        del orders["a1"]
        assert [str(found) for found in made.subscriptions] == ["mine", "LogObserver", "MetricsCounter"]
    options = orders._tracking.options
    assert (options.values, options.site, options.history, options.name) == (True, True, 5, "orders-1")
    assert (users._tracking.options.values, users._tracking.options.history) == (False, 5)
    assert tracking(orders).last_change().code.file == __file__
    assert len(tracking(users).changes()) == 4
    assert SEEN == ["set orders-0['a1']", "set orders-1['a1']"] * 3
    assert {record.name for record in caplog.records} == {"mine.changes"}
    after = track({}, "orders-2")
    after["a1"] = 1
    assert (after._tracking.options.values, after._tracking.options.history, len(SEEN)) == (False, 1000, 6)


def test_what_the_program_says_goes_before_what_the_file_says():
    with configure({"containers": {"*": {"history": 5, "values": True}}}):
        assert track({}, "a", history=7)._tracking.options.history == 7
        assert track({}, "a", history=0)._tracking.kept is None
        assert track({}, "a")._tracking.kept.maxlen == 5
        assert track({}, "a")._tracking.way < 0


def test_exporters_from_a_configuration(tmp_path, s3_server):
    path, cart = tmp_path / "c.jsonl", track([], "cart")
    with listening() as sink:
        observers = [
            {"type": "jsonl", "path": str(path), "values": True, "target": "cart", "capacity": 10},
            {"type": "http", "url": sink.url, "headers": {"x-from": "tests"}, "timeout": 5, "overflow": "block"},
            {"type": "s3", "bucket": s3_server.bucket, "prefix": "configured", "client": s3_server.settings},
            {"type": "kafka", "servers": ["127.0.0.1:9"], "topic": "t", "patience": 0},
        ]
        with configure({"observers": observers}) as made:
            cart.append(7)
            exporters = [found.observer for found in made.subscriptions]
        assert [(one.sent, one.lost) for one in exporters] == [(1, 0), (1, 0), (1, 0), (0, 1)]
        assert sink.requests[0][1]["x-from"] == "tests"
    assert lines_of(path)[0]["new"] == {"type": "int", "value": 7}
    listed = s3_server.client().list_objects_v2(Bucket=s3_server.bucket, Prefix="configured/")
    assert listed["KeyCount"] == 1


def observers(**entry):
    return {"observers": [{"type": "log"}, {"type": "log"}, entry]}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "the configuration: expected an object, found list"),
        ({"observer": []}, "observer: no such key; did you mean observers?"),
        ({"observers": {}}, "observers: expected a list, found dict"),
        ({"observers": [3]}, "observers[0]: expected an object, found 3"),
        (observers(), "observers[2].type: is missing; there are call, log, metrics, jsonl, http, s3, kafka"),
        (observers(type="mail"), "observers[2].type: expected one of call, log,"),
        (observers(type=["log"]), "observers[2].type: expected one of call, log,"),
        (
            observers(type="log", capacity="many"),
            "observers[2].capacity: expected a whole number above 0, found 'many'",
        ),
        (observers(type="log", capacity=True), "observers[2].capacity: expected a whole number above 0, found True"),
        (observers(type="log", capcity=3), "observers[2].capcity: no such key; did you mean capacity?"),
        (observers(type="log", path="x"), "observers[2].path: no such key; there are type, name,"),
        (observers(type="jsonl"), "observers[2].path: is missing"),
        (observers(type="jsonl", path=3), "observers[2].path: expected a text, found 3"),
        (
            observers(type="log", overflow="wait"),
            "observers[2].overflow: expected one of drop_oldest, drop_newest, block",
        ),
        (observers(type="log", overflow="block"), "observers[2]: overflow: 'block' is for exporters"),
        (observers(type="log", level="loud"), "observers[2].level: expected one of DEBUG, INFO,"),
        (observers(type="log", actions=[]), "observers[2].actions: expected a list of texts, found list"),
        (observers(type="log", target=""), "observers[2].target: expected a pattern"),
        (observers(type="http", url="ftp://x"), "observers[2]: url: http://"),
        (observers(type="http", url="http://x", headers={"a": 1}), "observers[2].headers.a: expected a text, found 1"),
        (observers(type="http", url="http://x", timeout="1s"), "observers[2].timeout: expected a number of seconds"),
        (
            observers(type="s3", bucket="b", client={"config": {}}),
            "observers[2].client.config: expected a text, a number",
        ),
        (observers(type="call", call="os.system('x')"), "observers[2].call: expected module:function, found"),
        (observers(type="call", call="no_such_module:f"), "observers[2]: call: no_such_module:f can't be found"),
        (observers(type="call", call="os:no_such"), "observers[2]: call: os:no_such can't be found"),
        (observers(type="call", call="os:sep"), "observers[2]: call: os:sep is to be a function, and is str"),
        ({"containers": {"a*": {"hystory": 3}}}, "containers['a*'].hystory: 'hystory' is no option"),
        ({"containers": {"a*": {"history": "all"}}}, "containers['a*'].history: the option history is a number"),
        ({"containers": {"a*": {"name": "b"}}}, "containers['a*'].name: no such key"),
        ({"containers": {"": {}}}, "containers['']: expected a pattern"),
        ({"containers": {"a": 1}}, "containers['a']: expected an object of options, found 1"),
    ],
)
def test_a_mistake_is_told_with_the_path_of_its_key(document, said):
    with pytest.raises(UsageError) as raised:
        configure(document)
    assert str(raised.value).startswith(said)
    # Nothing of it has been set up.
    assert len(watching._live) == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "no JSON: "),
        ("a.json", "[" * 100_000, "no JSON: "),
        ("a.yaml", "a: [", "no YAML: "),
        ("a.yaml", "!!python/object/apply:os.system ['exit 3']", "no YAML: could not determine a constructor"),
        ("a.json", " " * 1_048_577, "more than 1048576 bytes"),
        ("missing.json", None, "can't be read: No such file"),
    ],
    ids=["cut", "deep", "yaml", "yaml-code", "large", "missing"],
)
def test_a_file_that_can_not_be_read(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as raised:
        configure(tmp_path / name)
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


def test_a_file_that_everybody_may_write_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    path.chmod(0o666)
    with pytest.raises(UsageError, match="chmod o-w"):
        configure(path)


def test_a_function_that_fails_to_load_later_harms_nobody(tmp_path):
    """The environment's configuration is read before the modules of the program can be imported."""
    cart, seen = track([], "cart"), Collector()
    made = configured_module._set_up({"observers": [{"type": "call", "call": "not_there:f"}]}, at_once=False)
    with made, observe(cart, seen):
        cart.append(1)
        assert made.subscriptions[0].failed == 1
        assert "not_there:f can't be found" in str(made.subscriptions[0].last_error)
        assert len(seen) == 1


PROGRAM = """
from otelprov.containers import track
import sys
sys.modules["program"] = sys.modules["__main__"]
def note(change):
    print("seen", change.name, change.new)
cart = track([], "cart")
cart.append(1)
print("end", cart)
"""


def test_the_environment_names_a_file(tmp_path):
    path = tmp_path / "containers.yaml"
    path.write_text("observers: [{type: call, call: 'program:note', target: c*}, {type: jsonl, path: c.jsonl}]")
    ran = run(tmp_path, PROGRAM, launcher=PLAIN, OTELPROV_CONTAINERS_CONFIG=str(path))
    assert (ran.process.stdout, ran.process.stderr) == ("seen cart 1\nend [1]\n", "")
    assert [change["number"] for change in lines_of(tmp_path / "c.jsonl")] == [1]


@pytest.mark.parametrize("text", ['{"observers": [{"type": "log", "capcity": 1}]}', "{"])
def test_a_broken_file_in_the_environment_is_told_in_one_line_and_changes_nothing(tmp_path, text):
    path = tmp_path / "containers.json"
    path.write_text(text)
    ran = run(tmp_path, PROGRAM, launcher=PLAIN, OTELPROV_CONTAINERS_CONFIG=str(path))
    assert (ran.process.returncode, ran.process.stdout) == (0, "end [1]\n")
    assert ran.process.stderr.count("\n") == 1
    assert ran.process.stderr.startswith(f"otelprov: OTELPROV_CONTAINERS_CONFIG={path}: ")
    assert ran.process.stderr.endswith("; it is left out\n")
