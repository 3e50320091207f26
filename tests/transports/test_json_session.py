"""The websocket driver's cores without I/O: matching, pointers, views under random events, and bytes cut anywhere."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from infrafabric.transports.endpoint import Endpoint
from infrafabric.transports.lasting.session import Event, Malformed, News, Refused, Reply, TooLarge
from infrafabric.transports.websocket.fits import LACKING, Pointer, fits
from infrafabric.transports.websocket.session import Asked, JsonSession
from infrafabric.transports.websocket.spec import compile_connection
from infrafabric.transports.websocket.view import Fold, ViewSpec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text("ab", max_size=2), items, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_everything_fits_itself(value: Any) -> None:
    assert fits(value, copy.deepcopy(value))


@given(st.dictionaries(st.text("ab", max_size=2), JSON), st.dictionaries(st.text("cd", min_size=1, max_size=2), JSON))
def test_more_members_do_not_matter_and_fewer_do(pattern: dict[str, Any], more: dict[str, Any]) -> None:
    assert fits(pattern, {**more, **pattern})
    for key in pattern:
        assert not fits(pattern, {name: item for name, item in pattern.items() if name != key})


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (1, True),
        (True, 1),
        (0, False),
        (None, 0),
        (None, False),
        ({"a": None}, {}),
        ([1], [1, 2]),
        ([{}], [{"a": 1}]),
        ({}, []),
    ],
)
def test_what_only_looks_alike_does_not_fit(pattern: Any, message: Any) -> None:
    assert not fits(pattern, message)


def test_pointers_follow_rfc_6901() -> None:
    document = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "m~n": 8, " ": 7}
    for text, value in [
        ("", document), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/m~0n", 8), ("/ ", 7),
        ("/foo/2", LACKING), ("/foo/00", LACKING), ("/foo/-", LACKING), ("/bar", LACKING), ("//x", LACKING),
    ]:  # fmt: skip
        assert Pointer(text).get(document) == value
    for text in ("foo", "/~2", "/~"):
        with pytest.raises(ValueError):
            Pointer(text)


# --- the session, its bytes cut anywhere

SPEC = compile_connection({
    "opening": [
        {"expect": {"type": "hello"}},
        {"send": {"type": "auth", "token": {"secret": "TOKEN"}}},
        {"expect": {"type": "welcome"}, "refused": {"type": "no"}},
    ],
    "id": "id",
    "reply": {"type": "result"},
    "idle": {"type": "ping"},
    "idle_reply": {"type": "pong"},
})  # fmt: skip
ENDPOINT = Endpoint("ws", "house.example", 80, "/api")


def session(limit: int = 10_000) -> JsonSession:
    return JsonSession(SPEC, ENDPOINT, [("x-kernel", "1")], [{"type": "auth", "token": "1234"}], limit)


def text(message: Any) -> bytes:
    return Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=False)


def upgraded(one: JsonSession) -> bytes:
    """The server's half of the upgrade to what `one` asked."""
    server = ServerProtocol()
    one.begin()
    server.receive_data(one.outgoing())
    [request] = server.events_received()
    assert isinstance(request, Request)
    assert request.path == "/api"
    assert (request.headers["Host"], request.headers["X-Kernel"]) == ("house.example", "1")
    server.send_response(server.accept(request))
    return b"".join(server.data_to_send())


@settings(max_examples=60)
@given(st.lists(st.integers(0, 1_000), max_size=20))
def test_however_the_bytes_are_cut(cuts: list[int]) -> None:
    one = session()
    data = upgraded(one) + text({"type": "hello"}) + text({"type": "welcome", "more": 1})
    data += text({"type": "event", "n": 1}) + text({"type": "event", "n": 2})
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    events = [event for a, b in zip(places, places[1:], strict=False) for event in one.receive(data[a:b])]
    assert one.opened
    assert [event.value["n"] for event in events] == [1, 2]
    assert b"1234" not in one.outgoing(), "what is sent is masked, RFC 6455 section 5.3"


def opened(limit: int = 10_000) -> JsonSession:
    one = session(limit)
    data = upgraded(one)
    assert list(one.receive(data + text({"type": "hello"}) + text({"type": "welcome"}))) == []
    assert one.opened
    return one


def test_replies_and_news_are_told_apart() -> None:
    one = opened()
    first = one.ask(Asked({"type": "subscribe"}, {"type": "result"}))
    second = one.probe()
    assert (first, second) == (1, 2)
    messages: list[dict[str, Any]] = [
        {"id": 1, "type": "event", "early": True}, {"id": 2, "type": "pong"}, {"id": 1, "type": "result", "x": 1},
        {"id": 1, "type": "result", "x": 2}, {"id": 1, "type": "event"}, {"type": "result"},
        {"id": "1", "type": "result"},
    ]  # fmt: skip
    events: list[Event] = [event for message in messages for event in one.receive(text(message))]
    assert [(type(event), getattr(event, "ticket", None)) for event in events] == [
        (News, 1), (Reply, 2), (Reply, 1), (News, 1), (News, None), (News, None),
    ]  # fmt: skip


@pytest.mark.parametrize("number", [3, 0, -1, 10**18])
def test_a_number_that_was_never_asked_ends_it(number: int) -> None:
    one = opened()
    one.ask(Asked({"type": "x"}, {}))
    with pytest.raises(Malformed):
        list(one.receive(text({"id": number, "type": "result"})))


def test_a_refusal_ends_the_opening() -> None:
    one = session()
    with pytest.raises(Refused):
        list(one.receive(upgraded(one) + text({"type": "hello"}) + text({"type": "no"})))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n", Refused),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 99999\r\n\r\nxx", Refused),
        (b"HTTP/1.1 301 Moved\r\nLocation: ws://elsewhere\r\n\r\n", Malformed),
        (b"HTTP/1.1 200 OK\r\n\r\n", Malformed),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", Malformed),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Malformed),
    ],
)
def test_no_upgrade_is_no_connection(answer: bytes, fault: type[Exception]) -> None:
    one = session()
    one.begin()
    with pytest.raises(fault):
        list(one.receive(answer))


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    one = opened(limit=50)
    try:
        for event in one.receive(data):
            assert isinstance(event, (News, Reply))
    except (Malformed, TooLarge, Refused):
        pass
    except Exception as error:
        assert type(error).__name__ == "Closed", error


def test_a_message_beyond_the_limit_is_refused_by_its_header() -> None:
    one = opened(limit=100)
    with pytest.raises(TooLarge):
        list(one.receive(b"\x81\x7f" + (1 << 40).to_bytes(8, "big")))


# --- a view, against a model that knows everything

VIEW = ViewSpec(
    "key",
    {},
    {},
    {"type": "event"},
    Pointer("/result"),
    Pointer("/name"),
    Pointer("/name"),
    Pointer("/thing"),
    {},
    {},
    "",
)
NAMES = st.sampled_from(["a", "b", "c", "d"])


class Viewed(RuleBasedStateMachine):
    """The world changes and tells; the fold is the world whenever it is not stale, however events and looks mix."""

    def __init__(self) -> None:
        super().__init__()
        self.world: dict[str, Any] = {}
        self.fold = Fold(VIEW, 400)

    def tell(self, message: dict[str, Any]) -> None:
        self.fold.hear(message, len(json.dumps(message)))

    @rule(name=NAMES, value=st.integers(0, 9) | st.text("x", max_size=300))
    def change(self, name: str, value: Any) -> None:
        self.world[name] = {"name": name, "value": value}
        self.tell({"type": "event", "name": name, "thing": copy.deepcopy(self.world[name])})

    @rule(name=NAMES, lacking=st.booleans())
    def remove(self, name: str, lacking: bool) -> None:
        self.world.pop(name, None)
        self.tell({"type": "event", "name": name, **({} if lacking else {"thing": None})})

    @rule(message=st.sampled_from([{"type": "other", "name": "a", "thing": 1}, {"name": "a"}, {}]))
    def other(self, message: dict[str, Any]) -> None:
        self.tell(message)

    @rule(message=st.sampled_from([{"type": "event"}, {"type": "event", "name": 3}, {"type": "event", "name": None}]))
    def unreadable(self, message: dict[str, Any]) -> None:
        self.tell(message)
        assert self.fold.items is None

    @rule(name=NAMES)
    def unheard(self, name: str) -> None:
        """A change while the connection is down."""
        self.world[name] = {"name": name, "value": "unheard"}
        self.fold.stale()

    @rule()
    def look(self) -> None:
        reply = {"result": [copy.deepcopy(thing) for thing in self.world.values()]}
        assert self.fold.look(reply, len(json.dumps(reply)))

    @rule(result=st.sampled_from([None, {}, [{}], [3], [{"name": "a"}, {"name": "a"}]]))
    def bad_look(self, result: Any) -> None:
        assert not self.fold.look({"result": result}, 10)
        assert self.fold.items is None

    @invariant()
    def what_is_answered_is_the_world(self) -> None:
        if self.fold.items is not None:
            assert self.fold.answer(None) == self.world
            assert self.fold.answer(["a", "z"]) == {"a": self.world.get("a"), "z": None}
            assert sum(self.fold._sizes.values()) <= 800


Viewed.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestViewed = Viewed.TestCase
