"""The plan table: what comes, changes, goes and stays, what only the apply tells; at any width, without colour."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from homes import Ifctl
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from infrafabric.control.cli.plan_diff import Line, Mark, Sign, altered, counts, difference
from infrafabric.control.cli.plan_view import MOST_LINES, show_plan
from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.words.manifest import Effect
from infrafabric.kernel.words.plan import Change, Plan

Studio = tuple[Ifctl, VmixSimulator]
EFFECTS = {
    "cut": Effect(write="GET /cut", hazards=("live-output",), settle_s=3),
    "set": Effect(write="POST /set"),
    "make": Effect.model_validate(
        {"write": "POST /things", "creates": True, "results": {"id": {"pointer": "/id", "pattern": ".*"}}}
    ),
    "break": Effect(write="DELETE /things/1", destructive=True),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def change(effect: str = "set", **members: Any) -> Change:
    return Change(id="change-1", effect=effect, **members)


def shown(*changes: Change, width: int = 80, encoding: str = "utf-8", **more: Any) -> str:
    numbered = tuple(one.model_copy(update={"id": f"change-{n}"}) for n, one in enumerate(changes, 1))
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=file, width=width, no_color=True, markup=False, emoji=False, highlight=False)
    show_plan(console, Plan(changes=numbered, **more), ("POST http://house/set",) * len(changes), EFFECTS)
    file.flush()
    return raw.getvalue().decode(encoding)


# --- what differs


@pytest.mark.parametrize(
    ("effect", "before", "after", "sign"),
    [
        ("set", {"on": False}, {"on": True}, Sign.CHANGE),
        ("set", None, {"on": True}, Sign.ADD),
        ("set", {}, {"on": True}, Sign.ADD),
        ("set", {"name": None}, {"name": "x"}, Sign.ADD),
        ("set", {"name": "x"}, {"name": None}, Sign.REMOVE),
        ("set", {"name": "x"}, {}, Sign.REMOVE),
        ("set", False, True, Sign.CHANGE),
        ("set", False, None, Sign.CHANGE),
        ("set", None, None, Sign.CHANGE),
        ("break", {"id": 1}, None, Sign.REMOVE),
        ("break", None, None, Sign.REMOVE),
        ("make", None, None, Sign.ADD),
        ("make", None, {"tone": "low"}, Sign.ADD),
    ],
)
def test_a_change_adds_changes_or_removes(effect: str, before: Any, after: Any, sign: Sign) -> None:
    made = change(effect, before=before, after=after)
    assert altered(made, EFFECTS[effect]).sign is sign
    word = {Sign.ADD: "add", Sign.CHANGE: "change", Sign.REMOVE: "remove"}[sign]
    assert counts(Plan(changes=(made,)), EFFECTS) == {"add": 0, "change": 0, "remove": 0, word: 1}


def test_only_what_differs_is_told_and_what_stays_is_counted() -> None:
    before = {"hall": {"on": False, "level": 3, "colour": [1, 2, 3], "gone": 1}, "porch": {"on": True}}
    after = {"hall": {"on": True, "level": 3, "colour": [1, 2, 9], "new": {"deep": 2}}, "porch": {"on": True}}
    lines, same = difference(before, after)
    assert lines == [
        Line(Sign.CHANGE, ("hall", "on"), False, True),
        Line(Sign.CHANGE, ("hall", "colour"), [1, 2, 3], [1, 2, 9]),
        Line(Sign.REMOVE, ("hall", "gone"), 1, Mark.ABSENT),
        Line(Sign.ADD, ("hall", "new", "deep"), Mark.ABSENT, 2),
    ]
    assert same == 2


def test_an_element_that_comes_moves_no_other() -> None:
    before = [{"name": f"source {number}"} for number in range(20)]
    after = [*before[:4], {"name": "camera"}, *before[4:]]
    assert difference(before, after) == ([Line(Sign.ADD, (4,), Mark.ABSENT, {"name": "camera"})], 20)


def test_true_is_not_one() -> None:
    assert difference({"a": True, "b": [1]}, {"a": 1, "b": [True]})[0] == [
        Line(Sign.CHANGE, ("a",), True, 1),
        Line(Sign.CHANGE, ("b",), [1], [True]),
    ]


def test_a_result_and_what_the_adapter_leaves_open_are_unknown() -> None:
    reference = {"$result": "change-1#/id"}
    assert difference({"id": 1, "other": 2}, {"id": reference, "other": 2}) == (
        [Line(Sign.CHANGE, ("id",), 1, Mark.UNKNOWN)],
        1,
    )
    assert altered(change(before="on"), None).lines == (Line(Sign.CHANGE, (), "on", Mark.UNKNOWN),)
    made = altered(change("make", after={"tone": "low"}), EFFECTS["make"])
    assert made.lines == (
        Line(Sign.ADD, ("tone",), Mark.ABSENT, "low"),
        Line(Sign.ADD, ("id",), Mark.ABSENT, Mark.UNKNOWN),
    )


@given(JSON)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert difference({"x": value}, {"x": value}) == ([], 1)


@given(JSON, JSON)
def test_what_differs_is_found_both_ways(one: Any, other: Any) -> None:
    forth, same = difference(one, other)
    back, same_back = difference(other, one)
    assert {line.path for line in forth if line.sign is Sign.CHANGE} == {
        line.path for line in back if line.sign is Sign.CHANGE
    } or _has_long_lists(one, other)
    assert bool(forth) or _json(one) == _json(other) or _nulls(one, other)
    assert bool(forth) == bool(back)
    assert (same == same_back) or _has_long_lists(one, other)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _nulls(*values: Any) -> bool:
    return any("null" in _json(value) or "{}" in _json(value) for value in values)


def _has_long_lists(*values: Any) -> bool:
    return any("[" in _json(value) for value in values)


@pytest.mark.timeout(10)
def test_two_long_lists_are_told_apart_at_once() -> None:
    before, after = [{"n": n % 7} for n in range(20_000)], [{"n": n % 5} for n in range(20_000)]
    lines, same = difference(before, after)
    assert len(lines) + same == 20_000


# --- how it is shown


def test_the_table_of_a_change() -> None:
    cut = change(
        "cut",
        before={"program": "1 Camera 1", "preview": "2"},
        after={"program": "3 Intro", "preview": "2"},
        inverse={"effect": "cut"},
        summary="cut to Intro",
    )
    assert shown(cut, change("make", after={"tone": "low"}), change("break", before={"id": 7})) == (
        "  ~ change-1  cut  ⚠ live-output\n"
        "      ~ program  1 Camera 1 → 3 Intro\n"
        "      = 1 unchanged\n"
        "      POST http://house/set\n"
        "      settles within 3 s; can be undone by cut\n"
        "  + change-2  make\n"
        "      + tone  low\n"
        "      + id    (known after apply)\n"
        "      POST http://house/set\n"
        "      cannot be undone\n"
        "  - change-3  break  ⚠ destructive\n"
        "      - id  7\n"
        "      POST http://house/set\n"
        "      cannot be undone\n"
        "the adapter says (untrusted): cut to Intro\n"
        "Plan: 1 to add, 1 to change, 1 to remove.\n"
    )


def test_nothing_to_do_says_so() -> None:
    assert shown() == "nothing to do: the state is as wanted\n"


def test_a_change_that_keeps_what_is_shows_it() -> None:
    text = shown(change(before={"preview": "2 Camera 2"}, after={"preview": "2 Camera 2"}))
    assert "      = preview  2 Camera 2\n" in text
    assert "unchanged" not in text


def test_an_argument_that_an_earlier_change_gives_is_known_later() -> None:
    assert "id (known after apply): change-1#/id" in shown(change(args={"id": {"$result": "change-1#/id"}}))


def test_a_value_cannot_pass_for_the_tables_own_words() -> None:
    text = shown(
        change(before={"a": "(known after apply)", "b": "1 → 2", "c": "1"}, after={"a": "+ x", "b": "", "c": 1})
    )
    assert '~ a  "(known after apply)" → "+ x"' in text
    assert '~ b  "1 → 2" → ""' in text
    assert '~ c  "1" → 1' in text


def test_hidden_characters_are_shown_and_long_values_cut() -> None:
    text = shown(change(before={"a\nb": "\x1b[2J\u202egood"}, after={"a\nb": "x" * 5_000}, summary="\x1b]0;owned\x07"))
    assert not {character for character in text if ord(character) < 32} - {"\n"}
    assert "\u202e" not in text
    assert "(4840 more characters)" in " ".join(text.split())
    assert '"a\\nb"' in text


def test_attributes_beyond_the_most_are_counted() -> None:
    wide = change(after={f"n{number}": number for number in range(MOST_LINES + 5)})
    assert "and 5 more that differ" in shown(wide)


def test_a_terminal_without_unicode_gets_arrows_that_it_has() -> None:
    text = shown(change("cut", before={"on": False}, after={"on": True}), encoding="ascii")
    assert "false -> true" in text
    assert "! live-output" in text


@given(st.text(max_size=300), st.text(max_size=300), st.sampled_from([60, 80, 120]))
def test_no_line_is_wider_than_the_terminal(before: str, after: str, width: int) -> None:
    from rich.cells import cell_len

    text = shown(change(before={"text": before}, after={"text": after}), width=width)
    assert all(cell_len(line) <= width for line in text.splitlines())


# --- through the door


def test_the_plan_of_a_drifted_desk(studio: Studio) -> None:
    run, _ = studio
    result = run("capability", "plan", "vmix.switcher", "--scene", "Intro", COLUMNS="80")
    assert result.exit_code == 0
    assert result.stdout.startswith("vmix.switcher on vmix@studio-a\n  ~ change-1  cut  ⚠ live-output\n")
    assert "      ~ program  1 Camera 1 → 3 Intro\n" in result.stdout
    assert "settles within 3 s; can be undone by cut\n" in result.stdout
    assert "Plan: 0 to add, 1 to change, 0 to remove.\n" in result.stdout
    assert "\x1b" not in result.stdout


def test_the_json_answer_counts_too(studio: Studio) -> None:
    run, vmix = studio
    plan = ("capability", "plan", "vmix.switcher", "--scene", "Intro")
    planned = run.ok(*plan)
    assert planned["counts"] == {"add": 0, "change": 1, "remove": 0}
    assert planned["plan"]["changes"][0]["after"] == {"program": "3 Intro"}
    vmix.by_hand("CutDirect", Input="3")
    assert run.ok(*plan)["counts"] == {"add": 0, "change": 0, "remove": 0}
    assert "nothing to do: the state is as wanted" in run(*plan).stdout
