"""Server-sent events: each entry of the caller's tenant once, in order, as it becomes durable or from where one was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from listening import Listening

from infrafabric.control.api.streams import pace
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.plan import Outcome
from infrafabric.witness.leaf import Leaf

LAMPS = "if://capability/house.lamps"


async def test_an_action_is_told_entry_by_entry_as_the_log_has_it(listening: Listening) -> None:
    house = listening.served.house
    async with listening.stream(await listening.served.key()) as stream:
        began = house.log.size
        assert stream.mark == str(began - 1)
        report = await house.kernel.act(listening.served.world.lamps(hall=True))
        assert report.outcome is Outcome.CONVERGED
        events = await stream.many(house.log.size - began)
    assert [int(event.id) for event in events] == list(range(began, house.log.size))
    assert events[-1].name == "action.closed"
    for event in events:
        stored = house.log.entry(event.data["index"])
        assert (event.name, event.data["erased"]) == (event.data["leaf"]["kind"], False)
        assert Leaf.parse(stored.leaf).kind == event.name
        assert event.data["index"] == int(event.id)
    assert {event.data["leaf"]["action"] for event in events if event.name.startswith("action.")} == {report.action}


async def test_a_broken_stream_goes_on_without_gap_or_double(listening: Listening) -> None:
    house, key = listening.served.house, await listening.served.key()
    seen: list[int] = []
    async with listening.stream(key) as stream:
        began = house.log.size
        await house.kernel.act(listening.served.world.lamps(hall=True))
        seen += [int(event.id) for event in await stream.many(3)]
    await house.kernel.act(listening.served.world.lamps(hall=False))
    acting = asyncio.create_task(_switch(listening, 6))
    async with listening.stream(key, "/v1/events", **{"Last-Event-ID": str(seen[-1])}) as stream:
        await acting
        seen += [int(event.id) for event in await stream.many(house.log.size - seen[-1] - 1)]
    assert seen == list(range(began, house.log.size))


async def _switch(listening: Listening, times: int) -> None:
    for turn in range(times):
        await listening.served.house.kernel.act(listening.served.world.lamps(hall=turn % 2 == 0))


async def test_since_begins_where_one_wants(listening: Listening) -> None:
    house, key = listening.served.house, await listening.served.key()
    async with listening.stream(key, "/v1/events?since=-1") as stream:
        events = await stream.many(5)
    assert [int(event.id) for event in events] == [0, 1, 2, 3, 4]
    assert events[0].data["leaf"]["kind"] == house.log.entry(0).parsed.kind


async def test_a_place_that_the_log_has_not_reached_is_refused(listening: Listening) -> None:
    client = listening.client(await listening.served.key())
    answer = await client.get("/v1/events", params={"since": 10_000_000})
    assert (answer.status_code, answer.json()["code"]) == (404, "IF_ERR_ENTRY_UNKNOWN")
    answer = await client.get("/v1/events", headers={"Last-Event-ID": "the last"})
    assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_HEADER_INVALID")
    answer = await client.get("/v1/events", params={"kind": "no.kind"})
    assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_USAGE")


async def test_filters_leave_out_what_is_not_wanted_and_the_place_moves_on(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "HEARTBEAT_S", 0.2)
    house, world, key = listening.served.house, listening.served.world, await listening.served.key()
    wanted: dict[str, Any] = {
        "kind=action.closed": ["action.closed"],
        "verdict=SHARE": ["action.decided"],
        "capability=house.bell&kind=action.received": ["action.received"],
        "capability=house.bell&kind=effect.intended": ["effect.intended"],
    }
    async with listening.stream(key, "/v1/events?target=house@nowhere") as silent:
        for query, kinds in wanted.items():
            async with listening.stream(key, f"/v1/events?{query}") as stream:
                await house.kernel.act(world.lamps(hall=not listening.peer.lamps["hall"]))
                ringing = await house.kernel.act(world.ask("house.bell", {"tone": "low"}))
                count = 1 if "bell" in query else 2
                events = await stream.many(len(kinds) * count)
                assert {event.name for event in events} == set(kinds), query
                if "bell" in query:
                    assert {event.data["leaf"]["action"] for event in events} == {ringing.action}
                trace = events[-1].data["body"]["trace"]
                async with listening.stream(key, f"/v1/events?since=-1&trace={trace}") as traced:
                    assert (await traced.many(1))[0].data["body"]["trace"] == trace
        while silent.mark != str(house.log.size - 1):
            await silent.opened()
        assert silent.comments > 0


async def test_another_tenants_entries_are_nobody_elses(listening: Listening) -> None:
    served = listening.served
    other = await listening.talent("outsider", "other", "operator")
    async with listening.stream(await served.key(other), "/v1/events?since=-1") as stream:
        await served.house.kernel.act(served.world.lamps(hall=True))
        await listening.talent("late", "other")
        events = [await stream.next()]
        while events[-1] is not None and events[-1].data["body"].get("value", {}).get("id") != "if://service/late":
            events.append(await stream.next())
    assert {event.data["body"]["tenant"] for event in events if event is not None} == {"other"}


async def test_only_who_may_read_the_log_is_told(listening: Listening) -> None:
    served = listening.served
    answer = await listening.client().get("/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_REQUIRED")
    key = await served.key(OPERATOR, [AccessScope.ACT])
    answer = await listening.client(key).get("/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")
    plain = await listening.talent("plain")
    answer = await listening.client(await served.key(plain)).get("/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")


async def test_many_get_the_same(listening: Listening) -> None:
    key = await listening.served.key()
    streams = [listening.stream(key, "/v1/events?kind=action.closed") for _ in range(20)]
    opened = [await stream.__aenter__() for stream in streams]
    report = await listening.served.house.kernel.act(listening.served.world.lamps(hall=True))
    events = [await stream.next() for stream in opened]
    assert {event.data["leaf"]["action"] for event in events if event is not None} == {report.action}
    assert len(events) == 20
    for stream in streams:
        await stream.__aexit__(None, None, None)


async def test_streams_end_where_the_feed_does(listening: Listening) -> None:
    async with listening.stream(await listening.served.key()) as stream:
        listening.served.service.feed.close()
        assert await stream.next() is None
    assert listening.served.service.places.taken == 0
