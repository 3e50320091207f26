"""Templates: what they refuse to be compiled from, and that what they build reads back as what went in."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Effect
from infrafabric.transports.encoding import text_form
from infrafabric.transports.http.compiler import compile_template
from infrafabric.transports.http.template import Template

SCALAR = {"anyOf": [{"type": ["string", "number", "boolean"]}]}


def template(**members: Any) -> Template:
    return compile_template("it", Effect.model_validate(members))


EVERYWHERE = template(
    write="POST /v1/rooms/{room}/x,{part}",
    path={"room": SCALAR, "part": SCALAR},
    query={"mode": "a&b=c", "say": SCALAR, "n": 3},
    headers={"X-Say": SCALAR, "Authorization": {"secret": "TOKEN", "prefix": "Bearer "}},
    json={"on": True, "list": [{"deep": SCALAR}, "const"], "any": {"anyOf": [True]}},
)
FORM = template(write="POST /form", form={"one": SCALAR, "two&": "b=c", "three": SCALAR}, optional=["three"])

scalars = st.text() | st.integers() | st.floats() | st.booleans()
values = st.recursive(
    scalars | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@given(st.fixed_dictionaries(dict.fromkeys(("room", "part", "say", "X-Say", "deep"), scalars)), values)
def test_a_request_reads_back_as_its_arguments(args: dict[str, Any], anything: Any) -> None:
    args = {**args, "any": anything}
    try:
        built = EVERYWHERE.build(args, {"TOKEN": "t"})
    except FabricError as error:
        assert error.code == Code.EFFECT_ARGUMENT
        assert any(repr(name) in error.message for name in args)
        return
    url = urlsplit("http://host.example" + built.target)
    assert (url.netloc, url.fragment) == ("host.example", "")
    _, version, rooms, room, last = url.path.split("/")
    part = last.removeprefix("x,")
    assert (version, rooms, unquote(room), unquote(part)) == (
        "v1",
        "rooms",
        text_form(args["room"]),
        text_form(args["part"]),
    )
    query = parse_qsl(url.query, keep_blank_values=True, strict_parsing=True)
    assert query == [("mode", "a&b=c"), ("say", text_form(args["say"])), ("n", "3")]
    assert built.headers == (
        ("content-type", "application/json"),
        ("x-say", text_form(args["X-Say"])),
        ("authorization", "Bearer t"),
    )
    assert json.loads(built.body) == {"on": True, "list": [{"deep": args["deep"]}, "const"], "any": anything}


@given(scalars)
def test_a_form_reads_back_as_its_arguments(value: Any) -> None:
    try:
        built = FORM.build({"one": value}, {})
    except FabricError as error:
        assert error.code == Code.EFFECT_ARGUMENT
        return
    pairs = parse_qsl(built.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert pairs == [("one", text_form(value)), ("two&", "b=c")]


@given(
    st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]) | st.sampled_from("-._~ ?&#/%äß☃"), min_size=1)
)
def test_ordinary_text_is_taken_in_a_path(text: str) -> None:
    """So that refusing is not how the properties above are kept."""
    if "%" not in text and not any(piece.strip() in (".", "..") for piece in text.split("/")):
        assert "/" + text_form(text) == unquote(
            template(read="GET /{a}", path={"a": SCALAR}).build({"a": text}, {}).target
        )


@given(st.dictionaries(st.sampled_from(["one", "three"]), values))
def test_describe_refuses_what_build_refuses(args: dict[str, Any]) -> None:
    def code(work: Any) -> str:
        try:
            work()
        except FabricError as error:
            return error.code
        return ""

    assert code(lambda: FORM.describe(args)) == code(lambda: FORM.build(args, {}))


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (3, "3"), (1.0, "1"), (-0.0, "0"), (0.5, "0.5"), (1e21, "1e+21"), ("x", "x")],
)
def test_scalars_have_one_text_form(value: object, text: str) -> None:
    assert text_form(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**60)])
def test_numbers_that_json_cannot_carry_are_refused(value: object) -> None:
    with pytest.raises(FabricError) as caught:
        EVERYWHERE.build({"room": value, "part": 1, "say": 1, "X-Say": 1, "deep": 1, "any": 1}, {"TOKEN": "t"})
    assert caught.value.code == Code.EFFECT_ARGUMENT


def test_optional_members_are_left_out() -> None:
    it = template(
        write="PUT /x",
        query={"a": SCALAR, "b": SCALAR},
        headers={"X-A": SCALAR},
        json={"deep": {"c": SCALAR, "d": 1}},
        optional=["a", "X-A", "c"],
    )
    built = it.build({"b": 1}, {})
    assert (built.target, built.body) == ("/x?b=1", b'{"deep":{"d":1}}')
    assert dict(built.headers) == {"content-type": "application/json"}


def test_a_literal_may_look_like_a_schema_where_no_name_is() -> None:
    it = template(write="POST /x", json={"type": "call", "blocks": [{"type": "section", "text": SCALAR}]})
    assert it.build({"text": "hi"}, {}).body == b'{"blocks":[{"text":"hi","type":"section"}],"type":"call"}'


def test_formats_are_asserted() -> None:
    it = template(
        read="GET /x",
        query={"day": {"type": "string", "format": "date"}, "at": {"type": "string", "format": "date-time"}},
    )
    it.build({"day": "2026-11-21", "at": "2026-11-21T10:00:00.5Z"}, {})
    for args in ({"day": "today", "at": "2026-11-21T10:00:00Z"}, {"day": "2026-11-21", "at": "2026-02-30T10:00:00Z"}):
        with pytest.raises(FabricError) as caught:
            it.build(args, {})
        assert caught.value.code == Code.EFFECT_ARGUMENT


def test_a_misfit_does_not_show_the_value() -> None:
    it = template(read="GET /x", query={"pin": {"type": "string", "maxLength": 4}})
    with pytest.raises(FabricError) as caught:
        it.build({"pin": "hunter22222"}, {})
    assert "'pin'" in caught.value.message
    assert "maxLength: 4" in caught.value.message
    assert "hunter" not in caught.value.message


@pytest.mark.parametrize(
    "members",
    [
        {"read": "GET /a?b=c"},
        {"read": "GET /a#b"},
        {"read": "GET a"},
        {"read": "TRACE /a"},
        {"read": "GET http://evil.example/"},
        {"read": "GET //evil.example/"},
        {"read": "GET /a//b"},
        {"read": "GET /a/../b"},
        {"read": "GET /a/%2e%2e/b"},
        {"read": "GET /a b"},
        {"read": "GET /a\r\nX: 1"},
        {"read": "GET /{a}"},
        {"read": "GET /a", "path": {"a": SCALAR}},
        {"read": "GET /{a}/{a}", "path": {"a": SCALAR}},
        {"read": "GET /{a}{b}", "path": {"a": SCALAR, "b": SCALAR}},
        {"read": "GET /{a}.{b}", "path": {"a": SCALAR, "b": SCALAR}},
        {"read": "GET /{a}", "path": {"a": SCALAR}, "optional": ["a"]},
        {"read": "GET /{a}", "path": {"a": "const"}},
        {"read": "GET /x", "json": {"a": 1}},
        {"read": "GET /x", "query": {"a": None}},
        {"read": "GET /x", "query": {"a": [1, 2]}},
        {"read": "GET /x", "query": {"a": {"b": 1}}},
        {"read": "GET /x", "query": {"": "x"}},
        {"read": "GET /x", "headers": {"Host": "evil.example"}},
        {"read": "GET /x", "headers": {"Transfer-Encoding": SCALAR}},
        {"read": "GET /x", "headers": {"X Y": "1"}},
        {"read": "GET /x", "headers": {"X-A": "a\r\nX-B: 1"}},
        {"read": "GET /x", "headers": {"X-A": "1", "x-a": "2"}},
        {"write": "POST /x", "headers": {"X-Key": "1"}, "provider_key": {"header": "x-key", "window_s": 5}},
        {"write": "POST /x", "provider_key": {"header": "Host", "window_s": 5}},
        {"write": "POST /x", "json": {"key": {"secret": "A", "prefx": "B"}}},
        {"read": "GET /x", "query": {"a": {"type": "nothing"}}},
        {"read": "GET /x", "query": {"a": {"type": "string", "format": "postcode"}}},
        {"read": "GET /x", "query": {"a": {"anyOf": [{"$ref": "http://evil.example/schema"}]}}},
    ],
)
def test_what_http_could_not_carry_is_refused_when_compiled(members: dict[str, Any]) -> None:
    effect = Effect.model_validate(members)
    with pytest.raises(FabricError) as caught:
        compile_template("it", effect)
    assert caught.value.code == Code.MANIFEST_INVALID
