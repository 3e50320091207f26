"""An argument tries to leave its place in the request: another path, a second query key, a header of its own."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from infrafabric.kernel.errors import Code

TEXT = {"type": "string"}
PATH = {"read": "GET /rooms/{room}/lamps", "path": {"room": TEXT}, "query": {"mode": "all"}}
QUERY = {"read": "GET /api/", "query": {"Function": "Cut", "Input": TEXT}}
HEADER = {"read": "GET /panel", "headers": {"X-Room": TEXT}}
FORM = {"write": "POST /panel", "form": {"fixed": "yes", "Room": TEXT}}
BODY = {"write": "POST /panel", "json": {"fixed": True, "room": TEXT}}

STEPS = [
    "..", ".", "", "../admin", "a/../../admin", "..\\admin", "%2e%2e", "%2E%2e/admin", "%252e%252e%252fadmin",
    "..;/admin", ".. ", "．．", "‥", "..∕admin", "..⁄admin", "..／admin", "..＼admin", "a\r\nX: 1", "a\nb", "a\0b",
    "a%00b", "a%0d%0ab", "\ud800", "a\udfffb", "\x7f",
]  # fmt: skip
KEPT = ["a/b", "a?b=c", "a#b", "a&b=c", "a b", "a+b", "a%20b", "ä☃", "...", "a..b", ";x", "a=b", "//", "http://evil/"]


@pytest.mark.parametrize("value", STEPS)
async def test_no_step_leads_out_of_a_path_segment(http_peer: Any, http_rig: Any, value: str) -> None:
    refused = await http_rig.refusal(PATH, {"room": value})
    assert refused.code == Code.EFFECT_ARGUMENT
    assert "'room'" in refused.message
    assert http_peer.heard == []


@pytest.mark.parametrize("value", KEPT)
async def test_what_is_taken_stays_one_path_segment(http_peer: Any, http_rig: Any, value: str) -> None:
    await http_rig.perform(PATH, {"room": value})
    target = http_peer.heard[0].target
    assert target.startswith("/rooms/")
    assert target.endswith("/lamps?mode=all")
    assert target.count("/") == 3
    assert target.count("?") == 1
    assert not set("#&+ ") & set(target)


@pytest.mark.parametrize(
    "value", ["3&Function=Fade", "3;Function=Fade", "3#x", "3?x=1", "3\r\nX-A: 1", "3=4", "3+4", "%26"]
)
async def test_a_query_value_adds_no_key(http_peer: Any, http_rig: Any, value: str) -> None:
    await http_rig.perform(QUERY, {"Input": value})
    heard = http_peer.heard[0]
    assert parse_qsl(urlsplit(heard.target).query) == [("Function", "Cut"), ("Input", value)]
    assert heard.target.startswith("/api/?Function=Cut&Input=")
    assert "x-a" not in heard.headers
    assert "#" not in heard.target


@pytest.mark.parametrize("effect", [PATH, QUERY, HEADER, FORM, BODY])
@pytest.mark.parametrize("value", ["\ud800", "a\udfff", ["a", "b"], {"a": 1}, None, 3])
async def test_what_is_no_text_is_refused(http_peer: Any, http_rig: Any, effect: dict[str, Any], value: object) -> None:
    [name] = http_rig.call(effect).manifest.effects["it"].arguments()
    refused = await http_rig.refusal(effect, {name: value})
    assert refused.code == Code.EFFECT_ARGUMENT
    assert repr(name) in refused.message
    assert http_peer.heard == []


@pytest.mark.parametrize("value", [["a", "b"], {"a": 1}, None])
@pytest.mark.parametrize("effect", [PATH, QUERY, HEADER, FORM])
async def test_a_lax_schema_does_not_let_more_than_one_value_in(
    http_peer: Any, http_rig: Any, effect: dict[str, Any], value: object
) -> None:
    lax = json.loads(json.dumps(effect).replace('{"type": "string"}', '{"anyOf": [true]}'))
    [name] = http_rig.call(lax).manifest.effects["it"].arguments()
    assert (await http_rig.refusal(lax, {name: value})).code == Code.EFFECT_ARGUMENT
    assert http_peer.heard == []


@pytest.mark.parametrize(
    "value", ["a\r\nX-Admin: 1", "a\nb", "a\rb", "a\0b", "a\tb", "☃", "\x85", "\x7f", " a", "a ", "\xa0a"]
)
async def test_a_header_value_makes_no_line(http_peer: Any, http_rig: Any, value: str) -> None:
    refused = await http_rig.refusal(HEADER, {"X-Room": value})
    assert refused.code == Code.EFFECT_ARGUMENT
    assert http_peer.heard == []


@pytest.mark.parametrize("value", ["a&fixed=no", "a\r\nb=c", "a=b", "+", "%26"])
async def test_a_form_value_adds_no_member(http_peer: Any, http_rig: Any, value: str) -> None:
    await http_rig.perform(FORM, {"Room": value})
    assert parse_qsl(http_peer.heard[0].body.decode()) == [("fixed", "yes"), ("Room", value)]


@pytest.mark.parametrize("value", ['a","fixed":false,"b":"', "\\", '"', "\u2028", "a\0b", "\r\n", "</script>"])
async def test_a_json_value_adds_no_member(http_peer: Any, http_rig: Any, value: str) -> None:
    await http_rig.perform(BODY, {"room": value})
    assert json.loads(http_peer.heard[0].body) == {"fixed": True, "room": value}


@pytest.mark.parametrize("effect", [QUERY, FORM])
async def test_nul_ends_no_value(http_peer: Any, http_rig: Any, effect: dict[str, Any]) -> None:
    [name] = http_rig.call(effect).manifest.effects["it"].arguments()
    assert (await http_rig.refusal(effect, {name: "a\0b"})).code == Code.EFFECT_ARGUMENT
    assert http_peer.heard == []


async def test_two_places_in_a_segment_do_not_make_a_step_together(http_peer: Any, http_rig: Any) -> None:
    effect = {"read": "GET /x/.{rest}/y", "path": {"rest": TEXT}}
    assert (await http_rig.refusal(effect, {"rest": "%2e"})).code == Code.EFFECT_ARGUMENT
    assert (await http_rig.refusal(effect, {"rest": "."})).code == Code.EFFECT_ARGUMENT
    await http_rig.perform(effect, {"rest": "a"})
    assert [heard.target for heard in http_peer.heard] == ["/x/.a/y"]


@pytest.mark.parametrize("effect", [PATH, QUERY, HEADER, FORM, BODY])
async def test_an_unresolved_result_is_never_sent(http_peer: Any, http_rig: Any, effect: dict[str, Any]) -> None:
    [name] = http_rig.call(effect).manifest.effects["it"].arguments()
    refused = await http_rig.refusal(effect, {name: {"$result": "change-1#/id"}})
    assert refused.code == Code.EFFECT_ARGUMENT
    assert http_peer.heard == []


@pytest.mark.parametrize("args", [{}, {"Input": "3", "Extra": "1"}, {"input": "3"}])
async def test_a_missing_or_unknown_argument_is_named(http_peer: Any, http_rig: Any, args: dict[str, Any]) -> None:
    refused = await http_rig.refusal(QUERY, args)
    assert refused.code == Code.EFFECT_ARGUMENT
    assert any(repr(name) in refused.message for name in ("Input", "Extra", "input"))
    assert http_peer.heard == []
