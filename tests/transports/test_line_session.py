"""The line protocol's core without I/O: any cut of the bytes gives the same events, and patterns give their groups."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.lasting.session import Malformed, News, Refused, Reply, TooLarge
from infrafabric.transports.tcp.line import compile_line, percent, plain
from infrafabric.transports.tcp.patterns import compile_line_pattern
from infrafabric.transports.tcp.session import Asked, LineSession, Said
from infrafabric.transports.tcp.spec import compile_connection, compile_reply

SPEC = compile_connection({
    "opening": [
        {"expect": "^READY "},
        {"send": "LOGIN {PIN}", "secrets": ["PIN"]},
        {"expect": "^LOGIN OK", "refused": "^LOGIN ER"},
    ],
    "idle": "NOOP",
    "idle_reply": "^NOOP OK",
})  # fmt: skip
OK = compile_reply({"ok": "^OK (.*)$", "failed": "^ER ?(.*)$"}, "reply")
LENGTH = compile_reply({"length": "^DATA ([0-9]+)$"}, "reply")


def session(limit: int = 1_000) -> LineSession:
    one = LineSession(SPEC, ["LOGIN 1234"], limit)
    one.begin()
    assert one.outgoing() == b""
    assert list(one.receive(b"READY 1\r\n")) == []
    assert one.outgoing() == b"LOGIN 1234\r\n"
    assert not one.opened
    assert list(one.receive(b"LOGIN OK\r\n")) == []
    assert one.opened
    return one


def test_a_refusal_ends_the_opening() -> None:
    one = LineSession(SPEC, ["LOGIN 1234"], 1_000)
    list(one.receive(b"READY 1\n"))
    with pytest.raises(Refused):
        list(one.receive(b"LOGIN ER no\n"))


def test_another_opening_is_none() -> None:
    one = LineSession(SPEC, ["LOGIN 1234"], 1_000)
    with pytest.raises(Malformed):
        list(one.receive(b"HTTP/1.1 400 Bad Request\r\n"))
    assert one.outgoing() == b""


@given(st.lists(st.integers(0, 60)), st.binary(max_size=20), st.booleans())
def test_however_the_bytes_are_cut(cuts: list[int], body: bytes, crlf: bool) -> None:
    one = session()
    end = b"\r\n" if crlf else b"\n"
    data = b"TOLD a" + end + b"DATA %d" % len(body) + end + body + b"TOLD b" + end
    assert one.ask(Asked("GET", LENGTH)) == 1
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[start:stop] for start, stop in zip(places, places[1:], strict=False)]
    events = [event for piece in pieces for event in one.receive(piece)]
    assert events == [
        News("TOLD a", None, 6 + crlf),
        Reply(1, Said(f"DATA {len(body)}", body, True), len(f"DATA {len(body)}") + len(body)),
        News("TOLD b", None, 6 + crlf),
    ]


@given(st.binary(max_size=3_000))
def test_no_bytes_break_it_and_none_are_kept_beyond_the_limit(data: bytes) -> None:
    one = session(limit=100)
    one.ask(Asked("GET", LENGTH))
    try:
        for start in range(0, len(data), 50):
            for event in one.receive(data[start : start + 50]):
                assert isinstance(event, (News, Reply))
            assert len(one._received) <= 150
    except (Malformed, TooLarge):
        pass


def test_a_line_that_is_too_long_is_not_awaited() -> None:
    one = session(limit=100)
    with pytest.raises(TooLarge):
        list(one.receive(b"x" * 101))


def test_what_it_can_be_asked_while_a_request_waits() -> None:
    one = session()
    ticket = one.ask(Asked("GET", OK))
    assert one.probe() is None
    assert not one.forget(ticket)
    assert [event.ticket for event in one.receive(b"OK x\r\n") if isinstance(event, Reply)] == [ticket]
    assert one.forget(ticket)
    probe = one.probe()
    assert one.outgoing() == b"GET\r\nNOOP\r\n"
    [reply] = one.receive(b"NOOP OK\r\n")
    assert isinstance(reply, Reply) and reply.ticket == probe


def test_an_answer_to_nothing_ends_it_unless_something_was_subscribed() -> None:
    one = session()
    one.ask(Asked("GET", OK))
    list(one.receive(b"OK x\r\n"))
    with pytest.raises(Malformed):
        list(one.receive(b"OK y\r\n"))
    one = session()
    one.ask(Asked("SUBSCRIBE", OK, subscribes=True))
    list(one.receive(b"OK x\r\n"))
    assert list(one.receive(b"OK y\r\n")) == [News("OK y", None, 5)]


# --- patterns


@pytest.mark.parametrize(
    ("pattern", "line", "group"),
    [
        ("^NAME OK (.*)$", "NAME OK Output 2", "Output 2"),
        ("^NAME ER ?(.*)$", "NAME ER", ""),
        ("^NAME ER ?(.*)$", "NAME ER  x", " x"),
        ("^ROUTES ([0-9]+)$", "ROUTES 120", "120"),
        ("^(?:A|B) ([a-z]+) [()]+$", "B xyz ()", "xyz"),
        ("^[()\\]]+=(\\(.*\\))!", "(])=((x))!", "((x))"),
        ("^OK", "OK then", ""),
        ("^OK (a*)a", "OK aaa", "aa"),
        ("^OK ((?:ab)*)", "OK ababx", "abab"),
        ("^VOLUME (?P<x>[0-9])", "", ""),
    ],
)
def test_the_group_is_taken_out(pattern: str, line: str, group: str) -> None:
    if "?P" in pattern:
        with pytest.raises(FabricError) as caught:
            compile_line_pattern(pattern, "it")
        assert caught.value.code == Code.MANIFEST_INVALID
        return
    compiled = compile_line_pattern(pattern, "it")
    assert compiled.matches(line)
    assert compiled.group(line) == group


_ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "\\(", "[]b]"])
_QUANTIFIERS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "*?", "+?", "??", "{1,2}?"])


def _rows(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(pieces, _QUANTIFIERS).map("".join), max_size=3).map("".join)


def _nested(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(_rows(pieces), min_size=1, max_size=3).map(lambda branches: f"(?:{'|'.join(branches)})")


_PARTS = _rows(st.recursive(_ATOMS, _nested, max_leaves=4))


@settings(max_examples=400, suppress_health_check=[HealthCheck.filter_too_much])
@given(_PARTS, st.lists(_PARTS, min_size=1, max_size=2), _PARTS, st.data())
def test_the_group_is_the_one_that_backtracking_finds(before: str, inside: list[str], after: str, data: Any) -> None:
    pattern = f"^{before}({'|'.join(inside)}){after}"
    try:
        compiled = compile_line_pattern(pattern, "it")
    except FabricError as error:
        assert error.code == Code.MANIFEST_INVALID
        return
    line = data.draw(
        st.one_of(st.text("abc(]", max_size=12), st.from_regex(pattern, alphabet=st.characters(codec="ascii"))).filter(
            lambda one: "\n" not in one
        )
    )
    found = re.search(pattern, line)
    assert compiled.matches(line) == (found is not None)
    if found is not None:
        assert compiled.group(line) == found[1]


@pytest.mark.parametrize(
    "pattern",
    [
        "^NAME OK (.*?);", "^OK .*?=([0-9]+)", "^LEN.*? ([0-9]+)", "^OK (a+?)b", "^OK (a??)", "^OK (a{1,3}?)a",
        "^a?(?:ab)?(b*)", "^(?:a|ab)(b*)", "^OK ((?:a+)+)", "^OK ((?:a*)*)b", "^(?:a|b+) (.)", "^OK (a$)", "^OK (a)\\b",
        "^OK \\B(a)", "^OK (a)^b", "^OK ([a[bc]])", "^OK (a**)", "^OK (a*+)", "^OK (a) b*?",
    ],
)  # fmt: skip
def test_a_group_that_would_be_another_is_refused(pattern: str) -> None:
    with pytest.raises(FabricError) as caught:
        compile_line_pattern(pattern, "it")
    assert caught.value.code == Code.MANIFEST_INVALID
    assert caught.value.message.startswith("it takes a group, and ")


@pytest.mark.parametrize(
    ("pattern", "line", "group"),
    [
        ("^(?:OK|DONE) [a-z]+ (.*)$", "DONE xyz and more", "and more"),
        ("^ER(?: [0-9]+)?: (.*)$", "ER 12: no: really", "no: really"),
        ("^PRICE (.*)\\$", "PRICE 5$ 6$!", "5$ 6"),
        ("^[^]x]*=([0-9]{1,3})(?:,|$)", "a=12", "12"),
        ("^\\w+ ((?:on|off))", "lamp off", "off"),
    ],
)
def test_what_is_taken_beside_a_group(pattern: str, line: str, group: str) -> None:
    assert compile_line_pattern(pattern, "it").group(line) == group


# --- lines


@given(st.text(max_size=30), st.text(max_size=30))
def test_plain_values_stay_in_their_places(one: str, two: str) -> None:
    line = compile_line("SAY {one},{two}", "it", plain)
    try:
        said = line.fill("it", {"one": one, "two": two})
    except FabricError as error:
        assert error.code == Code.EFFECT_ARGUMENT
        return
    assert len(said.splitlines()) == 1
    assert said == f"SAY {one},{two}"
    assert said.removeprefix("SAY ").partition(",") == (one, ",", two)
    assert not one.split()[1:]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_percent_is_of_unreserved_characters(value: str) -> None:
    said = compile_line("SAY {it}&x", "it", percent).fill("it", {"it": value})
    assert re.fullmatch(r"SAY [A-Za-z0-9._~%-]*&x", said)
