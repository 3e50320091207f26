"""Alive and ready: told to anybody in a word, part by part to those who may, and true."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from listening import Listening
from served import Served

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.entries import Kind, StopChanged
from infrafabric.kernel.words.names import new_trace_id

PARTS = ["kernel", "log", "disk", "clock", "sandbox", "trust", "policies", "stops", "targets"]


async def states(served: Served, status: int = 200) -> dict[str, str]:
    answer = await served.client(await served.key(OPERATOR, [AccessScope.METRICS])).get("/readyz")
    assert answer.status_code == status, answer.text
    return {part["name"]: part["state"] for part in answer.json()["parts"]}


async def test_a_kernel_that_runs_is_alive_and_ready_to_anybody(served: Served) -> None:
    client = served.client()
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


async def test_parts_are_told_to_who_may_measure(served: Served) -> None:
    found = await states(served)
    assert list(found) == PARTS
    assert set(found.values()) == {"up"}


async def test_credentials_that_are_for_something_else_are_refused(served: Served) -> None:
    answer = await served.client(await served.key(OPERATOR, [AccessScope.ACT])).get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")
    answer = await served.client("ifk_aaaaaaaaaaaa_" + "A" * 43).get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_targets_are_told_to_their_tenant_alone(listening: Listening) -> None:
    served = listening.served
    await served.house.kernel.act(served.world.lamps(hall=True))
    mine = (await served.client(await served.key()).get("/readyz")).json()["targets"]
    assert mine["house@home"]["state"] == "up"
    other = await listening.talent("outsider", "other", "operator")
    assert (await served.client(await served.key(other)).get("/readyz")).json()["targets"] == {}


async def test_a_stop_of_everything_is_not_ready(served: Served) -> None:
    body = StopChanged(talent=OPERATOR, trace=new_trace_id(), scope="all", name="", change="set", why="a test")
    await served.house.log.append(Entry(Kind.STOP_CHANGED, body, actor=OPERATOR))
    assert (await states(served, 503))["stops"] == "down"
    assert (await served.client().get("/readyz")).status_code == 503


async def test_a_kernel_that_stops_is_alive_and_not_ready(served: Served) -> None:
    await served.house.kernel.stop("a test")
    assert (await states(served, 503))["kernel"] == "down"
    assert (await served.client().get("/healthz")).status_code == 200


async def test_a_log_that_takes_nothing_is_not_ready(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await served.key()
    monkeypatch.setattr(served.house.log, "_stopped", FabricError(Code.LOG_STOPPED, "fsync failed"))
    answer = await served.client(key).get("/readyz")
    assert answer.status_code == 503
    log = next(part for part in answer.json()["parts"] if part["name"] == "log")
    assert (log["state"], log["said"]) == ("down", "it takes no entries: IF_ERR_LOG_STOPPED")


async def test_a_disk_with_no_room_is_not_ready(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await served.key()

    class Usage:
        free = 1 << 20

    def usage(path: Any) -> Usage:
        return Usage()

    monkeypatch.setattr(shutil, "disk_usage", usage)
    answer = await served.client(key).get("/readyz")
    assert answer.status_code == 503
    assert {"name": "disk", "state": "down", "said": "1 MiB are free, of which 64 MiB are kept back"} in answer.json()[
        "parts"
    ]


async def test_a_breaker_that_is_open_impairs(served: Served) -> None:
    served.world.peer.refuses = 500
    for _ in range(6):
        await served.house.kernel.act(served.world.ask("house.bell", {"tone": "low"}))
    assert (await states(served))["targets"] == "impaired"
