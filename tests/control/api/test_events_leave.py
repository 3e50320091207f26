"""A stream ends soon after its reader may not read any more, whatever took that away."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from listening import Listening, Stream
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from infrafabric.control.api import leave
from infrafabric.control.api.auth.sessions import COOKIE
from infrafabric.control.api.principal import Method, Principal
from infrafabric.control.api.streams import pace
from infrafabric.control.operator import OPERATOR
from infrafabric.control.records.api_keys import new_key_text
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope, ApiKey
from infrafabric.kernel.words.names import new_trace_id


async def ended(stream: Stream) -> str:
    """The code with which the stream is cut; what was for its reader before is passed over."""
    while (event := await stream.next()) is not None:
        if event.name == "stream.cut":
            assert event.data["resume"] >= -1
            assert await stream.next() is None
            return str(event.data["code"])
    raise AssertionError("the stream ended without a word")


async def test_a_revoked_talent(listening: Listening) -> None:
    reader = await listening.talent("reader", "default", "operator")
    async with listening.stream(await listening.served.key(reader)) as stream:
        await listening.talent("reader", "default", "operator", revoke=True)
        assert await ended(stream) == "IF_ERR_TALENT_REVOKED"


async def test_a_role_that_was_taken(listening: Listening) -> None:
    reader = await listening.talent("reader", "default", "operator")
    async with listening.stream(await listening.served.key(reader)) as stream:
        await listening.talent("reader")
        assert await ended(stream) == "IF_ERR_DENIED"


async def test_a_talent_that_moved_to_another_tenant(listening: Listening) -> None:
    reader = await listening.talent("reader", "default", "operator")
    async with listening.stream(await listening.served.key(reader)) as stream:
        await listening.talent("reader", "other", "operator")
        assert await ended(stream) == "IF_ERR_AUTH_INVALID"


async def test_a_revoked_key_ends_its_own_streams_alone(listening: Listening) -> None:
    house = listening.served.house
    name, text = new_key_text()
    key = ApiKey(id=name, talent=OPERATOR, digest=sha256(text.encode()), scopes=(AccessScope.READ,))
    await house.record(house.operator(new_trace_id()).api_key(key, "test"))
    async with listening.stream(text) as revoked, listening.stream(await listening.served.key()) as other:
        await house.record(house.operator(new_trace_id()).api_key(key, "test", "revoked"))
        assert await ended(revoked) == "IF_ERR_AUTH_INVALID"
        while (event := await other.next()) is not None and event.name != "api_key.changed":
            pass
        await house.kernel.act(listening.served.world.lamps(hall=True))
        assert (await other.many(1))[0].name != "stream.cut"


async def test_a_key_that_expires_ends_its_stream_at_a_heartbeat(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(leave, "HOLDS_S", 0.0)
    expires = (datetime.now(UTC) + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    async with listening.stream(await listening.served.key(expires=expires)) as stream:
        assert await ended(stream) == "IF_ERR_AUTH_EXPIRED"
        assert stream.comments > 0


@pytest.mark.parametrize("how", ["events", "socket"])
async def test_a_key_that_expires_ends_a_stream_that_is_never_idle(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(pace, "HEARTBEAT_S", 0.5)
    monkeypatch.setattr(leave, "HOLDS_S", 0.0)
    house, acting = listening.served.house, True
    expires = (datetime.now(UTC) + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    key = await listening.served.key(expires=expires)

    async def act() -> None:
        while acting:
            await house.kernel.act(listening.served.world.ask("house.lamps", {"lamps": {"hall": True}}, "plan"))

    busy = asyncio.create_task(act())
    try:
        async with asyncio.timeout(20):
            if how == "events":
                async with listening.stream(key) as stream:
                    assert await ended(stream) == "IF_ERR_AUTH_EXPIRED"
                    assert stream.comments == 0, "it was never idle"
            else:
                url = f"ws://127.0.0.1:{listening.port}/v1/events/ws"
                async with connect(url, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None) as socket:
                    await socket.send("{}")
                    with pytest.raises(ConnectionClosed) as caught:
                        while True:
                            assert "mark" not in json.loads(await socket.recv())
                    assert caught.value.rcvd is not None
                    assert caught.value.rcvd.reason.startswith("IF_ERR_AUTH_EXPIRED")
    finally:
        acting = False
        await busy


async def test_a_session_that_is_closed_ends_its_streams_at_once(listening: Listening) -> None:
    """Heartbeats are far off, and nothing is recorded that could have been looked at."""
    sessions = listening.served.service.sessions
    browser = {"User-Agent": "Firefox"}
    client = listening.client()
    client.headers.update(browser)
    begun = await client.post("/v1/sessions", json={"token": sessions.link(OPERATOR)})
    cookie = f"{COOKIE}={client.cookies[COOKIE]}"
    async with asyncio.timeout(10), listening.stream("", Cookie=cookie, **browser) as stream:
        gone = await client.delete("/v1/sessions/current", headers={"X-CSRF-Token": begun.json()["csrf"]})
        assert gone.status_code == 204
        assert await ended(stream) == "IF_ERR_AUTH_EXPIRED"


async def test_each_way_of_being_known_is_looked_at_again(listening: Listening) -> None:
    service, house = listening.served.service, listening.served.house
    talent = house.authority.talent(OPERATOR)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    every = frozenset(AccessScope)
    wrong = [
        (Principal(talent, Method.OIDC, every, "https://id.example nobody"), Code.AUTH_INVALID),
        (Principal(talent, Method.SESSION, every, "session-00000000"), Code.AUTH_EXPIRED),
        (Principal(talent.model_copy(update={"key": "other"}), Method.SIGNATURE, every, OPERATOR), Code.AUTH_INVALID),
        (Principal(talent, Method.SIGNATURE, every, OPERATOR, past), Code.AUTH_EXPIRED),
        (Principal(talent, Method.SIGNATURE, frozenset({AccessScope.ACT}), OPERATOR), Code.SCOPE_MISSING),
    ]
    for principal, code in wrong:
        with pytest.raises(FabricError) as caught:
            service.leaves.of(principal)()
        assert caught.value.code is code
    service.leaves.of(Principal(talent, Method.SIGNATURE, every, OPERATOR))()
