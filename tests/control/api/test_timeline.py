"""The timeline: one row an action with all that became of it, one a record; filters, pages, tenants."""

from __future__ import annotations

from typing import Any

import httpx
from listening import Listening
from served import Served

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import AccessScope


async def rows(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/timeline", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["timeline"]
    return found


async def test_an_action_is_one_row_with_what_became_of_it(served: Served) -> None:
    report = await served.house.kernel.act(served.world.lamps(hall=True))
    client = await served.operator()
    loaded, row = await rows(client, trace=report.trace)
    assert loaded["kind"] == "adapter.loaded"
    assert row.pop("took_s") >= 0
    assert row.pop("at").endswith("Z")
    assert row.pop("reason")
    assert row == {
        "type": "action",
        "index": row["index"],
        "action": report.action,
        "purpose": "apply",
        "talent": OPERATOR,
        "capability": "if://capability/house.lamps",
        "target": "house@home",
        "trace": report.trace,
        "why": "the test says so",
        "undoes": "",
        "verdict": "SHARE",
        "hazards": [],
        "outcome": "converged",
        "code": "",
        "message": "",
        "cost": None,
        "approvers": [],
        "waited_s": None,
        "expires": "",
        "receipt": f"/v1/actions/{report.action}/receipt",
    }
    assert served.house.log.entry(row["index"]).parsed.kind == "action.received"


async def test_records_stand_between_actions_newest_first(served: Served) -> None:
    await served.house.kernel.act(served.world.lamps(hall=True))
    await served.house.kernel.act(served.world.ask("house.nothing", {}))
    client = await served.operator()
    found = await rows(client)
    indexes = [row["index"] for row in found]
    assert indexes == sorted(indexes, reverse=True)
    kinds = [row.get("kind", row["type"]) for row in found]
    assert kinds[:2] == ["api_key.changed", "action"]
    assert (found[1]["outcome"], found[1]["code"]) == ("refused", "IF_ERR_CAPABILITY_UNKNOWN")
    assert {"grant.changed", "target.changed", "kernel.started", "adapter.loaded"} <= set(kinds)
    assert not {kind for kind in kinds if kind.startswith(("effect.", "action."))}
    grant = next(row for row in found if row.get("kind") == "grant.changed")
    assert grant["what"].startswith("set if://person/operator house.")


async def test_filters_find_what_they_say(served: Served) -> None:
    kernel, world = served.house.kernel, served.world
    lamps = await kernel.act(world.lamps(hall=True))
    world.peer.deaf = True
    failed = await kernel.act(world.lamps(porch=True))
    bell = await kernel.act(world.ask("house.bell", {"tone": "low"}))
    client = await served.operator()

    async def actions(**params: Any) -> list[str]:
        return [row["action"] for row in await rows(client, **params) if row["type"] == "action"]

    assert await actions() == [bell.action, failed.action, lamps.action]
    assert await actions(capability="house.lamps") == [failed.action, lamps.action]
    assert await actions(outcome="failed") == [failed.action]
    assert await actions(outcome="converged", verdict="SHARE") == [lamps.action]
    assert await actions(verdict="DENY") == []
    assert await actions(target="house@home", talent="operator") == [bell.action, failed.action, lamps.action]
    assert await actions(target="house@elsewhere") == []
    assert await actions(until="2020-01-01T00:00:00Z") == []
    assert await actions(since="5m") == [bell.action, failed.action, lamps.action]
    for params in ({"outcome": "splendid"}, {"since": "yesterday"}):
        answer = await client.get("/v1/timeline", params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_USAGE")
    answer = await client.get("/v1/timeline", params={"talent": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "IF_ERR_TALENT_UNKNOWN")


async def test_pages_follow_each_other_without_gap_or_double(served: Served) -> None:
    client = await served.operator()
    whole = await rows(client)
    seen: list[int] = []
    cursor = ""
    while True:
        answer = (
            await client.get("/v1/timeline", params={"limit": 4, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += [row["index"] for row in answer["timeline"]]
        await served.house.kernel.act(served.world.lamps(hall=len(seen) % 2 == 0))
        if answer["next"] is None:
            break
        cursor = answer["next"]
    assert seen == [row["index"] for row in whole]


async def test_a_tenant_sees_its_own_alone(listening: Listening) -> None:
    served = listening.served
    await served.house.kernel.act(served.world.lamps(hall=True))
    other = await listening.talent("outsider", "other", "operator")
    found = await rows(served.client(await served.key(other)))
    assert [row.get("kind") for row in found] == ["api_key.changed", "talent.changed"]


async def test_who_may_not_read_the_log_sees_no_timeline(listening: Listening) -> None:
    served = listening.served
    plain = await listening.talent("plain")
    answer = await served.client(await served.key(plain)).get("/v1/timeline")
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")
    answer = await served.client(await served.key(OPERATOR, [AccessScope.ACT])).get("/v1/timeline")
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")
