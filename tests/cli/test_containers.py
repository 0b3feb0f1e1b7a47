# SPDX-License-Identifier: Apache-2.0
"""`otelprov containers` on the journal of a real program: who changed what, what it held, and what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, Said
from launch import run

from otelprov.semconv import names

PROGRAM = """
import os
import otelprov
from otelprov.containers import track, tracked, tracking_actor

cart = track({"items": []}, "cart", nested=True, values=True, site=True)
with otelprov.step("fill"), tracking_actor("nightly"):
    cart["total"] = 3
    cart["items"].append({"price": 1.5})
cart["items"][0]["price"] = 2
cart["total"] = 2.0
cart["\\x1b[31m"] = "\\x1b[2J"
seen = track(set(), "seen")
seen.add(1)
seen.add("two")
numbers = track([], "numbers", values=True)
for number in range(70):
    numbers.append(number)
first = track({}, "twin", values=True)
second = track({}, "twin", values=True)
first["a"] = second["a"] = 1
secret = track({}, "secrets", values=True)
secret["password"] = "hunter2hunter2"
secret["thing"] = type("\\x1b[35mThing", (), {})()

@tracked(values=True, name="order")
class Order:
    def __init__(self):
        self.state = "new"

order = Order()
order.state = "paid"
left, right = track({}, "left", nested=True), track([], "right", nested=True)
left["shared"] = [1]
right.append(left["shared"])
left["shared"].append(2)
forked = track({"a": 1}, "forked", values=True)
child = os.fork()
forked["who"] = "parent" if child else "child"
if child:
    os.waitpid(child, 0)
else:
    forked["more"] = 2
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("containers")
    ran = run(folder, PROGRAM)
    assert ran.process.returncode == 0, ran.process.stderr
    assert ran.recorded.problems() == []
    return folder / "home"


@pytest.fixture(scope="module")
def otelprov(home: Path) -> CommandLine:
    return CommandLine(home)


def rows(said: Said) -> list[list[str]]:
    assert said.status == 0, said.err
    return [line.split() for line in said.out.splitlines()]


def changes(said: Said) -> list[dict[str, Any]]:
    assert said.status == 0, said.err
    found: list[dict[str, Any]] = said.document["changes"]
    return found


def test_without_a_name_there_is_a_row_for_each_container(otelprov: CommandLine) -> None:
    said = otelprov("containers", "last")
    heading, *found = rows(said)
    assert heading == ["CONTAINER", "ID", "TYPE", "CHANGES", "FIRST", "LAST", "ACTORS", "STEPS"]
    (cart,) = [row for row in found if row[0] == "cart" and row[2] == "dict"]
    assert cart[3] == "3"
    assert cart[-2:] == ["nightly", "fill"]
    assert "incomplete" not in said.out
    document = otelprov("containers", "last", "--json").document
    # Those inside others come after them, under the same name.
    listed = reversed(document["containers"])
    by_name = {one["names"][0]: one for one in listed if one["names"][0] != "cart"}
    assert {name: (one["types"][0], one["changes"]) for name, one in by_name.items()} == {
        "seen": ("set", 2), "numbers": ("list", 70), "twin": ("dict", 1), "secrets": ("dict", 2), "forked": ("dict", 3),
        "order": ("Order", 2), "left": ("dict", 1), "right": ("list", 1),
    }  # fmt: skip
    assert by_name["seen"]["values"] is False
    assert len(by_name["forked"]["processes"]) == 2
    assert document["complete"] is True


def test_with_a_name_there_is_a_row_for_each_change_with_actor_line_and_step(otelprov: CommandLine) -> None:
    said = otelprov("containers", "last", "cart")
    lines = said.out.splitlines()
    assert lines[0].split()[:6] == ["#", "TIME", "ACTION", "LOCATION", "OLD", "NEW"]
    (total,) = [line for line in lines if "['total']" in line and " 2.0 " in line]
    assert total.split()[2:6] == ["set", "['total']", "3", "2.0"]
    (price,) = [line for line in lines if "['items'][0]['price']" in line]
    assert price.split()[-4:-1] == ["1.5", "2", "program.py:10"]
    (append,) = [line for line in lines if " append " in line]
    assert {"nightly", "program.py:9", "fill"} <= set(append.split())
    assert "\x1b" not in said.out
    assert r"'\x1b[2J'" in said.out


def test_json_tells_everything_of_a_change(otelprov: CommandLine) -> None:
    said = otelprov("containers", "last", "cart", "--json", "--action", "set", "--location", "['total']")
    first, second = changes(said)
    assert (said.document["shown"], said.document["hidden"], said.document["complete"]) == (2, 0, True)
    assert (first["actor"], first["step"], first["location"], first["key"]) == ("nightly", "fill", "['total']", "total")
    assert first["code"]["line"] == 8
    assert first["code"]["function"] == "<module>"
    assert first["new"]["value"] == 3
    assert "old" not in first
    assert (second["old"]["value"], second["new"]["value"], second["new"]["type"]) == (3, 2.0, "float")
    assert second["new"]["digest"].startswith("k:")
    assert (second["actor"], second["step"]) == ("", "")
    for key in ("container", "number", "seq", "time", "process_id", "trace_id", "span_id", "parent_id", "thread"):
        assert second[key], key


def test_a_long_history_is_shown_by_its_end_unless_all_is_wanted(otelprov: CommandLine) -> None:
    said = otelprov("containers", "last", "numbers")
    shown = rows(said)[1:]
    assert [int(row[0]) for row in shown] == list(range(21, 71))
    assert "21 earlier changes not shown: --limit 0" in said.err
    assert len(rows(otelprov("containers", "last", "numbers", "--limit", "0"))) == 72
    document = otelprov("containers", "last", "numbers", "--limit", "3", "--json").document
    assert [one["number"] for one in document["changes"]] == [68, 69, 70]
    assert (document["shown"], document["hidden"]) == (3, 68)
    chosen = otelprov("containers", "last", "numbers", "--limit", "2", "--to", "9", "--json").document
    assert [one["number"] for one in chosen["changes"]] == [8, 9]
    assert (chosen["shown"], chosen["hidden"]) == (2, 8)
    both = otelprov("containers", "last", "[ns]*e[er]*", "--limit", "4", "--json").document
    assert [(one["name"], one["number"]) for one in both["changes"]] == [("numbers", n) for n in range(67, 71)]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["numbers", "--from", "5", "--to", "7"], [5, 6, 7]),
        (["numbers", "--from", "69"], [69, 70]),
        (["numbers", "--action", "cre*"], [0]),
        (["numbers", "--actor", "nobody"], []),
        (["numbers", "--until", "2020-01-01"], []),
        (["numbers", "--since", "2000-01-01", "--to", "1"], [0, 1]),
        (["seen", "--location", "{'two'}"], [2]),
        (["see?"], [0, 1, 2]),
    ],
)
def test_changes_are_chosen(otelprov: CommandLine, words: list[str], numbers: list[int]) -> None:
    assert [one["number"] for one in changes(otelprov("containers", "last", *words, "--json"))] == numbers


def test_a_change_after_another_by_its_time(otelprov: CommandLine) -> None:
    every = changes(otelprov("containers", "last", "numbers", "--limit", "0", "--json"))
    since = otelprov("containers", "last", "numbers", "--since", str(every[60]["time"]), "--json")
    assert [one["number"] for one in changes(since)] == list(range(60, 71))
    at = otelprov("containers", "last", "numbers", "--at-time", str(every[4]["time"]), "--json").document
    assert (at["number"], at["content"]) == (4, [0, 1, 2, 3])


def test_what_it_held_after_a_change(otelprov: CommandLine) -> None:
    said = otelprov("containers", "last", "cart", "--at", "1")
    lines = said.out.splitlines()
    assert lines[0].startswith("cart  dict ")
    assert "after change 1" in lines[0]
    # The dict inside came after it.
    assert lines[1:] == ["['items'] = []", "['total'] = 3"]
    assert (said.status, said.err) == (0, "")
    document = otelprov("containers", "last", "cart", "--at", "2", "--json").document
    assert (document["exact"], document["not_exact"], document["number"]) == (True, [], 2)
    (items, total) = document["content"]["d"]
    assert total == ["total", 2.0]
    assert items[0] == "items"
    (inside,) = items[1]["content"]
    assert inside["content"] == {"d": [["price", 2]]}
    order = otelprov("containers", "last", "order", "--at", "2", "--json").document
    assert order["content"] == {"a": [["state", "paid"]]}


def test_what_it_held_after_a_change_of_a_container_inside(otelprov: CommandLine) -> None:
    (price,) = changes(otelprov("containers", "last", "cart", "--json", "--location", "['items'][0]['price']"))
    inside = price["container"].rpartition("-")[2]
    for point, expected in ((f"{inside}:0", "{'price': 1.5}"), (f"{price['container']}:1", "{'price': 2}")):
        said = otelprov("containers", "last", "cart", "--at", point)
        assert said.status == 0
        assert "['total'] = 3" in said.out
        assert (f"['items'] = [{expected}]" in said.out) == (point[-1] == "1")
    assert otelprov("containers", "last", "cart", "--at", "9999:1").status == 3


def test_what_differs_between_two_changes(otelprov: CommandLine) -> None:
    said = otelprov("containers", "last", "cart", "--diff", "1", "3")
    assert said.status == 1
    assert said.out.splitlines() == [
        "added    ['items'][0]  {'price': 2}",
        "changed  ['total']  3 -> 2.0",
        r"added    ['\x1b[31m']  '\x1b[2J'",
    ]
    document = otelprov("containers", "last", "cart", "--diff", "3", "1", "--json").document
    assert [one["what"] for one in document["differences"]] == ["removed", "changed", "removed"]
    assert document["differences"][1] == {"what": "changed", "location": "['total']", "old": 2.0, "new": 3}
    same = otelprov("containers", "last", "cart", "--diff", "2", "2")
    assert (same.status, same.out, same.err) == (0, "", "no difference\n")
    order = otelprov("containers", "last", "order", "--diff", "1", "2")
    assert order.out == "changed  .state  'new' -> 'paid'\n"


def test_values_that_were_not_captured_are_said_with_how_to_have_them(otelprov: CommandLine) -> None:
    said = otelprov("containers", "last", "seen", "--at", "2")
    assert said.status == 5
    assert "not exact: 2 values are not captured: make the container with values=True" in said.err
    assert len(said.out.splitlines()) == 3


def test_what_is_secret_or_not_taken_apart_is_said(otelprov: CommandLine) -> None:
    said = otelprov("containers", "last", "secrets", "--at", "2")
    assert said.status == 5
    assert "hunter2" not in said.out
    assert r"<__main__.\x1b[35mThing>" in said.out
    assert "not exact: 1 value is of types that are not taken apart" in said.err
    assert "not exact: what change 1 tells is cut" in said.err


def test_a_fork_has_two_histories_with_one_beginning(otelprov: CommandLine) -> None:
    said = otelprov("containers", "last", "forked", "--at", "1")
    assert said.status == 2
    assert "--process" in said.err
    every = changes(otelprov("containers", "last", "forked", "--json"))
    child = next(one["process_id"] for one in every if one.get("key") == "more")
    parent = next(one["process_id"] for one in every if one["action"] == "create")
    assert child != parent
    contents = {}
    for process, number in ((parent, "1"), (child, "2"), (parent[:6], "0")):
        said = otelprov("containers", "last", "forked", "--at", number, "--process", process, "--json")
        assert said.document["exact"] is True
        contents[process, number] = dict(said.document["content"]["d"])
    assert list(contents.values()) == [{"a": 1, "who": "parent"}, {"a": 1, "who": "child", "more": 2}, {"a": 1}]
    only = changes(otelprov("containers", "last", "forked", "--process", child, "--json"))
    assert [one["number"] for one in only] == [1, 2]


def test_what_two_containers_hold_is_in_the_history_of_both(otelprov: CommandLine) -> None:
    for name, location in (("left", "['shared']"), ("right", "[0]")):
        said = otelprov("containers", "last", name, "--action", "append", "--location", location)
        (append,) = [line for line in rows(said)[1:] if line[3] == location]
        assert append[2] == "append"
    (change,) = changes(otelprov("containers", "last", "left", "--location", "right[0]", "--json"))
    assert change["locations"] == [["right", "[0]"]]
    assert change["location"] == "['shared']"


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (["crat"], 3, "Did you mean: cart"),
        (["nothing-like-it"], 3, "There are: "),
        (["cart", "--at", "99"], 3, "its changes go from 0 to 3"),
        (["cart", "--at", "yesterday"], 2, "no time"),
        (["cart", "--at", "1", "--diff", "1", "2"], 2, "one of"),
        (["--at", "1"], 2, "NAME"),
        (["twin", "--at", "1"], 2, "Give the id of one: "),
        (["cart", "--at", "1", "--process", "ffff"], 3, "was changed by"),
        (["cart", "--limit", "-1"], 2, "--limit"),
    ],
)
def test_errors_say_what_to_do(otelprov: CommandLine, words: list[str], status: int, part: str) -> None:
    said = otelprov("containers", "last", *words)
    assert (said.status, said.out) == (status, "")
    assert part in said.err


def test_one_of_several_of_a_name_is_chosen_by_its_id(otelprov: CommandLine) -> None:
    ids = [one["container"] for one in changes(otelprov("containers", "last", "twin", "--json"))]
    assert len(set(ids)) == 2
    said = otelprov("containers", "last", ids[0], "--at", "1", "--json")
    assert said.document["container"] == ids[0]


def test_a_run_without_containers(tmp_path: Path) -> None:
    run(tmp_path, "print(1)")
    bare = CommandLine(tmp_path / "home")
    said = bare("containers", "last")
    assert (said.status, said.out) == (0, "")
    assert "changed no tracked container" in said.err
    assert bare("containers", "last", "--json").document["containers"] == []
    assert bare("containers", "last", "cart").status == 3
    assert bare("containers", "ffff").status == 3


def test_a_hole_is_named_wherever_it_matters(home: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "journal").mkdir(parents=True, mode=0o700)
    lost = 0
    for file in (home / "journal").glob("*.jsonl"):
        lines = []
        for line in file.read_text().splitlines():
            document = json.loads(line)
            for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
                kept = [event for event in span.get("events", []) if not is_lost(event)]
                lost += len(span.get("events", [])) - len(kept)
                span["events"] = kept
            lines.append(json.dumps(document))
        copy = tmp_path / "home" / "journal" / file.name
        copy.touch(mode=0o600)
        copy.write_text("\n".join(lines) + "\n")
    assert lost == 3
    otelprov = CommandLine(tmp_path / "home")
    listed = otelprov("containers", "last").out
    assert "67 (3 missing)" in listed
    assert "3 of " in listed.splitlines()[-1]
    hole = "incomplete: 3 changes of numbers"
    assert hole in otelprov("containers", "last", "numbers").out
    assert "missing: 30 to 31, 33" in otelprov("containers", "last", "numbers").out
    document = otelprov("containers", "last", "numbers", "--json").document
    assert document["complete"] is False
    gone = otelprov("containers", "last", "numbers", "--at", "33")
    assert gone.status == 3
    assert "missing: 30 to 31, 33" in gone.err
    before = otelprov("containers", "last", "numbers", "--at", "29", "--json")
    assert (before.status, before.document["content"]) == (0, list(range(29)))
    after = otelprov("containers", "last", "numbers", "--at", "70", "--json")
    assert (after.status, after.document["exact"], after.document["content"]) == (5, False, None)
    assert after.document["not_exact"] == [
        "changes 30 to 31 are missing", "change 33 is missing", "what it holds is not known",
    ]  # fmt: skip


def is_lost(event: dict[str, Any]) -> bool:
    said = {pair["key"]: next(iter(pair["value"].values())) for pair in event["attributes"]}
    of = said.get(names.PROVENANCE_CONTAINER_NAME), said.get(names.PROVENANCE_CONTAINER_CHANGE)
    return of in [("numbers", "30"), ("numbers", "31"), ("numbers", "33")]
