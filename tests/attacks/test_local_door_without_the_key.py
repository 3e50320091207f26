"""Whoever reaches the local door without the log's key, or with words signed for others, gets nothing done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from world import World

from infrafabric.control.house import House
from infrafabric.control.local import calls, place, wire
from infrafabric.control.local.door import local_door
from infrafabric.control.local.frames import encode, read_frame
from infrafabric.control.local.line import Line, greeted
from infrafabric.control.local.proof import proof
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import ActionClosed, BreakerChanged, KernelStopped, Kind, StopChanged
from infrafabric.kernel.words.names import new_action_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Talent
from infrafabric.keys.signing import SigningKey


@pytest.fixture
async def kernel(world: World) -> AsyncIterator[House]:
    async with world.opened("serving") as house, local_door(house, lambda error, _: FabricError(Code.INTERNAL, ""), 5):
        yield house


def request_of(call: calls.Call) -> str:
    return json.dumps({"call": call.name(), "args": call.model_dump(mode="json")})


async def said(world: World, request: str, shown: Any = None, key: SigningKey | None = None, nonce: str = "") -> Any:
    """The code of the refusal, or None, that a request gets."""
    async with greeted(world.home.root) as found:
        assert found is not None
        greeting, reader, writer = found
        if key is not None:
            shown = wire.bytes_to(key.sign(proof(greeting.origin, nonce or greeting.nonce, request)))
        writer.write(encode({"request": request, "proof": shown}))
        frame = await read_frame(reader)
        while frame is not None and "station" in frame:
            frame = await read_frame(reader)
    assert frame is not None
    return frame["error"]["code"] if "error" in frame else None


async def test_only_the_logs_key_opens_the_door(world: World, kernel: House) -> None:
    log, operator = kernel.keystore.load("log"), kernel.keystore.load("operator")
    acting = request_of(calls.Act(ask=wire.ask_to(world.lamps(hall=True))))
    other = request_of(calls.Expire())
    async with greeted(world.home.root) as found:
        assert found is not None
        nonce = found[0].nonce
    signed_for_another = wire.bytes_to(log.sign(proof(kernel.log.origin, nonce, other)))
    for shown in (None, "", "?", 5, "AAAA", signed_for_another):
        assert await said(world, acting, shown) in (Code.AUTH_INVALID.value, Code.SERVER_ANSWER.value)
    assert await said(world, acting, key=operator) == Code.AUTH_INVALID.value
    assert await said(world, acting, key=SigningKey.generate()) == Code.AUTH_INVALID.value
    assert await said(world, acting, key=log, nonce=nonce) == Code.AUTH_INVALID.value  # of an earlier connection
    assert world.peer.writes == []
    assert kernel.log.facts.scan("action") == []
    assert await said(world, acting, key=log) is None
    assert world.peer.lamps["hall"] is True


async def test_what_the_kernel_alone_writes_is_not_recorded_for_others(world: World, kernel: House) -> None:
    size, action = kernel.log.size, new_action_id()
    closed = ActionClosed(
        talent=OPERATOR, capability="if://capability/house.lamps", outcome=Outcome.CONVERGED, code="", message=""
    )
    forged = [
        Entry(Kind.ACTION_CLOSED, closed, action=action),
        Entry(Kind.KERNEL_STOPPED, KernelStopped(reason="x")),
        Entry(Kind.STOP_CHANGED, StopChanged(scope="all", name="", change="lifted", why="x")),
        Entry(Kind.BREAKER_CHANGED, BreakerChanged(target="house@home", capability="x", state="open")),
    ]
    line = Line(world.home.root, lambda: kernel.keystore.load("log"))
    for entry in forged:
        with pytest.raises(FabricError) as refused:
            await line.call(calls.Record(entries=(wire.entry_to(entry),), since=0))
        assert refused.value.code is Code.DENIED
    assert kernel.log.size == size


async def test_a_record_without_an_operators_signature_takes_no_good_ones_place(world: World, kernel: House) -> None:
    line = Line(world.home.root, lambda: kernel.keystore.load("log"))
    good = kernel.operator(new_trace_id()).talent(Talent(id=OPERATOR, roles=("operator",)), "x")
    stranger = SigningKey.generate()
    for changes, code in (
        ({"signature": ""}, Code.SIGNATURE_INVALID),
        ({"why": "another reason"}, Code.SIGNATURE_INVALID),
        ({"origin": "example.org/other"}, Code.SIGNATURE_INVALID),
        ({"operator": str(stranger.public)}, Code.OPERATOR_UNKNOWN),
    ):
        shape = wire.entry_to(good)
        shape["body"] |= changes
        with pytest.raises(FabricError) as refused:
            await line.call(calls.Record(entries=(shape,), since=kernel.log.size))
        assert refused.value.code is code
    assert kernel.authority.talent(OPERATOR).key != ""


@pytest.mark.parametrize(
    "request_",
    ["", "{}", "[]", "5", '{"call": "Act"}', '{"call": "Nothing", "args": {}}', '{"call": "__class__", "args": {}}',
     '{"call": "Expire", "args": {"x": 1}}', '{"call": "Act", "args": {"ask": {}}}', '{"call": 5, "args": []}',
     "[" * 100_000],
    ids=range(11),
)  # fmt: skip
async def test_what_is_no_request_is_refused_and_the_door_stays_open(
    world: World, kernel: House, request_: str
) -> None:
    log = kernel.keystore.load("log")
    assert await said(world, request_, key=log) == Code.USAGE.value
    assert await said(world, request_of(calls.Expire()), key=log) is None


async def test_what_is_no_frame_ends_its_own_connection_alone(world: World, kernel: House) -> None:
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, b"\0\0\0\x02[]", b"", encode({}), encode({"request": 5})):
        async with greeted(world.home.root) as found:
            assert found is not None
            _, reader, writer = found
            writer.write(data)
            writer.write_eof()
            await reader.read()
    line = Line(world.home.root, lambda: kernel.keystore.load("log"))
    assert await line.call(calls.Expire()) == []


async def test_another_user_is_not_spoken_to(world: World, kernel: House, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = world.home.root / place.NAME
    assert socket.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr("infrafabric.control.local.door.is_own", lambda connection: False)
    connection = await asyncio.to_thread(place.connect, world.home.root)
    assert connection is not None
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    assert await reader.read() == b""
    writer.close()
