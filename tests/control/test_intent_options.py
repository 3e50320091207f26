"""A capability's JSON Schema as options of a command."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from infrafabric.control.cli.intent_options import gathered, intent_options, set_value

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["scene"],
    "properties": {
        "scene": {"type": "string", "title": "Scene", "description": "Title, number or key"},
        "transition": {"enum": ["cut", "fade"]},
        "duration_ms": {"type": "integer", "minimum": 0, "maximum": 5000},
        "gain": {"type": "number"},
        "muted": {"type": "boolean"},
        "buses": {"type": "array", "items": {"enum": ["A", "B"]}},
        "channel": {"enum": [1, 2]},
        "input": {"type": ["integer", "string", "null"]},
        "json": {"type": "string"},
        "nested": {"type": "object"},
        "we ird": {"type": "string"},
    },
}


def parsed(*args: str, schema: dict[str, Any] = SCHEMA) -> dict[str, Any]:
    options, _ = intent_options(schema, ["--json", "--why"])
    found: dict[str, Any] = {}

    def body(**_: object) -> None:
        found.update(gathered(click.get_current_context()))

    result = CliRunner().invoke(click.Command("apply", params=list(options), callback=body), list(args))
    assert result.exit_code == 0, result.output
    return found


@pytest.mark.parametrize(
    ("args", "intent"),
    [
        ([], {}),
        (["--scene", "Intro"], {"scene": "Intro"}),
        (["--scene", "3"], {"scene": "3"}),
        (["--scene", "true"], {"scene": "true"}),
        (["--scene="], {"scene": ""}),
        (["--duration-ms", "500"], {"duration_ms": 500}),
        (["--duration_ms", "500"], {"duration_ms": 500}),
        (["--gain", "1.5"], {"gain": 1.5}),
        (["--gain", "-2"], {"gain": -2}),
        (["--muted"], {"muted": True}),
        (["--no-muted"], {"muted": False}),
        (["--transition", "fade"], {"transition": "fade"}),
        (["--buses", "A", "--buses", "B"], {"buses": ["A", "B"]}),
        (["--channel", "2"], {"channel": 2}),
        (["--input", "3"], {"input": 3}),
        (["--input", "Intro"], {"input": "Intro"}),
        (["--input", "null"], {"input": None}),
        (["--input", "[1]"], {"input": "[1]"}),
    ],
)
def test_options_give_typed_fields(args: list[str], intent: dict[str, Any]) -> None:
    found = parsed(*args)
    assert found == intent
    assert [type(value) for value in found.values()] == [type(value) for value in intent.values()]


@pytest.mark.parametrize(
    "args",
    [
        ["--duration-ms", "soon"],
        ["--duration-ms", "1.5"],
        ["--gain", "NaN!"],
        ["--transition", "wipe"],
        ["--json", "x"],
    ],
)
def test_a_value_of_another_type_is_a_usage_error(args: list[str]) -> None:
    options, _ = intent_options(SCHEMA, ["--json", "--why"])
    result = CliRunner().invoke(click.Command("apply", params=list(options), callback=lambda **_: None), args)
    assert result.exit_code == 2


def test_fields_that_collide_nest_or_have_odd_names_have_no_option() -> None:
    assert intent_options(SCHEMA, ["--json"])[1] == ["json", "nested", "we ird"]


def test_a_flag_may_not_take_another_fields_name() -> None:
    schema = {"properties": {"no-mute": {"type": "string"}, "mute": {"type": "boolean"}}}
    options, others = intent_options(schema, [])
    assert ([option.field for option in options], others) == ([], ["no-mute", "mute"])


def test_the_help_has_titles_choices_and_bounds_without_hidden_characters() -> None:
    schema = {
        "required": ["scene"],
        "properties": {
            "scene": {"type": "string", "description": "Title\x1b[31m\u202e"},
            "level": {"type": "integer", "minimum": 0, "maximum": 100},
            "way": {"enum": ["in", "out\x07"]},
        },
    }
    options, _ = intent_options(schema, [])
    text = CliRunner().invoke(click.Command("apply", params=list(options)), ["--help"]).output
    assert "Title\\x1b[31m\\u202e" in text
    assert "[required]" in text
    assert "(0…100)" in text
    assert "[in|out\\x07]" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("scene", "3", "3"),
        ("scene", '"3"', "3"),
        ("scene", "Intro", "Intro"),
        ("duration_ms", "3", 3),
        ("nested", '{"a": 1}', {"a": 1}),
        ("nested", "{", "{"),
        ("unknown", "[1, 2]", [1, 2]),
        ("json", "true", "true"),
    ],
)
def test_set_takes_json_or_text(field: str, text: str, value: object) -> None:
    assert set_value(SCHEMA, field, text) == value


def lookalikes(*fields: str, kind: str = "integer") -> dict[str, Any]:
    return {"type": "object", "properties": {field: {"type": kind} for field in fields}}


@pytest.mark.parametrize(
    ("args", "intent"),
    [
        (["--amount", "5"], {"amount": 5}),
        (["--Amount", "5"], {"Amount": 5}),
        (["--Amount", "7", "--amount", "5"], {"Amount": 7, "amount": 5}),
    ],
)
def test_fields_that_differ_in_case_alone_are_two(args: list[str], intent: dict[str, Any]) -> None:
    assert parsed(*args, schema=lookalikes("amount", "Amount", "a_b", "A-B")) == intent


def test_fields_whose_options_would_be_one_go_by_set_only() -> None:
    schema = lookalikes("a_b", "a-b", "other")
    options, others = intent_options(schema, [])
    assert [option.field for option in options] == ["other"]
    assert others == ["a_b", "a-b"]


@pytest.mark.parametrize("fields", [("mute", "no-mute"), ("no-mute", "mute"), ("no_mute", "mute")])
def test_a_flag_and_a_field_that_would_negate_it_go_by_set_only(fields: tuple[str, ...]) -> None:
    options, others = intent_options(lookalikes(*fields, kind="boolean"), [])
    assert (options, set(others)) == ([], set(fields))
