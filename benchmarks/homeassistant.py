"""A light of a real Home Assistant, governed, beside the same call made directly and through Node-RED.

Home Assistant is started on loopback (tests/peers/install-homeassistant.sh). Prints JSON: median milliseconds of one
service call by a plain client, over REST and over the websocket; of read, call and read by one; of a governed action,
intent to receipt, over both; what governing adds; a hundred lamps in one intent; and Node-RED, an HTTP request in, a
service call of its Home Assistant nodes, an HTTP response (tests/peers/install-node-red.sh). What is not installed is
left out and named.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from bench_house import NOBODY, opened
from websockets.asyncio.client import connect

from infrafabric.adapters.homeassistant.tests.running import ROOT, HomeAssistant, installed
from infrafabric.control.changes import adopt
from infrafabric.control.home import Home
from infrafabric.control.house import House
from infrafabric.control.making import make_home
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Ask
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import AddressClass, Grant, Target
from infrafabric.registry.bundle import sign_bundle
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import add_publisher, allow, disallow

ROUNDS, HUNDREDS, WARM = 40, 8, 5
ENTITY = "input_boolean.power"
LAMPS = [f"light.lamp_{number:03}" for number in range(1, 101)]
TARGET = "homeassistant@bench"
CAPABILITY = capability_id("homeassistant.entity")
VARIABLE = "BENCH_HASS_TOKEN"
NODE_RED = ROOT / ".peers" / "node-red"


async def timed(act: Callable[[bool], Awaitable[None]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median and 90th percentile of `act`, on and off in turn, in milliseconds."""
    took = []
    for turn in range(-WARM, rounds):
        began = time.perf_counter()
        await act(turn % 2 == 0)
        if turn >= 0:
            took.append((time.perf_counter() - began) * 1e3)
    took.sort()
    return {"p50_ms": round(statistics.median(took), 2), "p90_ms": round(took[len(took) * 9 // 10], 2)}


async def direct_rest(ha: HomeAssistant) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {ha.token}"}
    async with httpx.AsyncClient(base_url=ha.base, headers=headers, trust_env=False) as client:

        async def call(on: bool) -> None:
            service = "turn_on" if on else "turn_off"
            answer = await client.post(f"/api/services/input_boolean/{service}", json={"entity_id": ENTITY})
            answer.raise_for_status()

        async def read_call_read(on: bool) -> None:
            await client.get(f"/api/states/{ENTITY}")
            await call(on)
            await client.get(f"/api/states/{ENTITY}")

        async def hundred(on: bool) -> None:
            answer = await client.post("/api/services/light/turn_on", json={"entity_id": LAMPS, "brightness": 9 + on})
            answer.raise_for_status()

        return {
            "call": await timed(call),
            "read_call_read": await timed(read_call_read),
            "hundred_in_one_call": await timed(hundred, HUNDREDS),
        }


async def direct_websocket(ha: HomeAssistant) -> dict[str, Any]:
    async with connect(f"ws://127.0.0.1:{ha.port}/api/websocket", max_size=None, compression=None) as socket:
        await socket.recv()
        await socket.send(json.dumps({"type": "auth", "access_token": ha.token}))
        await socket.recv()
        numbers = itertools.count(1)

        async def ask(message: dict[str, Any]) -> None:
            number = next(numbers)
            await socket.send(json.dumps({"id": number, **message}))
            reply = json.loads(await socket.recv())
            assert reply["id"] == number and reply.get("success", True), reply

        async def call(on: bool) -> None:
            service = "turn_on" if on else "turn_off"
            await ask({"type": "call_service", "domain": "input_boolean", "service": service,
                       "service_data": {"entity_id": ENTITY}})  # fmt: skip

        async def read_call_read(on: bool) -> None:
            await ask({"type": "get_states"})
            await call(on)
            await ask({"type": "get_states"})

        return {"call": await timed(call), "read_call_read": await timed(read_call_read)}


async def governed(house: House) -> dict[str, Any]:
    async def apply(entities: list[str], **wish: Any) -> str:
        intent = {"entities": entities, **wish}
        report = await house.kernel.act(Ask(CAPABILITY, OPERATOR, intent, "benchmark", target=TARGET))
        assert report.outcome is Outcome.CONVERGED, report.error
        return report.action

    async def one(on: bool) -> None:
        await apply([ENTITY], state="on" if on else "off")

    async def hundred(on: bool) -> None:
        actions.append(await apply(LAMPS, brightness=20 if on else 60))

    actions: list[str] = []
    single = await timed(one)
    many = await timed(hundred, HUNDREDS)
    writes = sum(kind is Kind.EFFECT_INTENDED for _, kind, _ in house.log.entries(actions[-1]))
    return {"action": single, "hundred_lamps": {**many, "service_calls": writes}}


async def bench_home(root: Path) -> Home:
    """A home with a target that is the house; its capability is adopted by `over`."""
    await make_home(
        root, "development", origin="bench.invalid/log", passphrase=NOBODY, export_root=None, trace=new_trace_id(),
        tell=lambda text: None,
    )  # fmt: skip
    return Home.open(root)


async def over(house: House, ha: HomeAssistant, manifest: str, former: str | None) -> None:
    """Adopt one of the manifests, in the place of the other's version."""
    bundle = sign_bundle(ROOT / "adapters" / "homeassistant", manifest, house.keystore.load("publisher"))
    house.bundles.install(bundle)
    house.registry.refresh()
    trust = add_publisher(house.trusted.trust, "bench", [house.keystore.public("publisher")], ["homeassistant.*"])
    if former is not None:
        trust = disallow(trust, bundle.manifest.id, former)
    trust = allow(trust, bundle.manifest.id, bundle.manifest.version, bundle.digest)
    await adopt(house, sign_trust(trust, house.keystore.load("root")), manifest, "benchmark", new_trace_id())
    target = Target(name=TARGET, settings=dict(ha.settings), secrets={"HASS_TOKEN": f"env:{VARIABLE}"},
                    allow_addresses=(AddressClass.LOOPBACK,))  # fmt: skip
    grant = Grant(talent=OPERATOR, capability=CAPABILITY, target=TARGET)
    operator = house.operator(new_trace_id())
    await house.record(operator.target(target, "benchmark"), operator.grant(grant, "benchmark"))


@contextlib.asynccontextmanager
async def node_red(ha: HomeAssistant, folder: Path) -> AsyncIterator[str | None]:
    """Address of a flow that takes a request, calls the service, and responds; None where Node-RED is not installed."""
    program = NODE_RED / "node_modules" / "node-red" / "red.js"
    if shutil.which("node") is None or not program.exists():
        yield None
        return
    port = ha.port + 1 if ha.port < 65_000 else ha.port - 1
    flow = [
        {"id": "tab", "type": "tab", "label": "bench"},
        {"id": "house-config", "type": "server", "name": "house", "version": 1, "addon": False, "cacheJson": True,
         "connectionDelay": False, "rejectUnauthorizedCerts": True, "ha_boolean": "on"},
        {"id": "in", "type": "http in", "z": "tab", "url": "/act", "method": "post", "wires": [["call"]]},
        {"id": "call", "type": "api-call-service", "z": "tab", "server": "house-config", "version": 7,
         "action": "input_boolean.turn_on", "floorId": [], "areaId": [], "deviceId": [], "entityId": [], "labelId": [],
         "data": "", "dataType": "json", "mergeContext": "", "mustacheAltTags": False, "outputProperties": [],
         "queue": "none", "blockInputOverrides": False, "domain": "input_boolean", "service": "turn_on",
         "wires": [["out"]]},
        {"id": "out", "type": "http response", "z": "tab", "wires": []},
    ]  # fmt: skip
    folder.mkdir()
    (folder / "flows.json").write_text(json.dumps(flow))
    (folder / "flows_cred.json").write_text(json.dumps({"house-config": {"host": ha.base, "access_token": ha.token}}))
    settings = {
        "credentialSecret": False, "uiHost": "127.0.0.1", "uiPort": port, "httpAdminRoot": False,
        "nodesDir": str(NODE_RED / "node_modules" / "node-red-contrib-home-assistant-websocket"),
    }  # fmt: skip
    (folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["node", str(program), "-u", str(folder), "-s", str(folder / "settings.js"), "flows.json"],
            stdout=log, stderr=log, env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}/act"
    finally:
        process.terminate()
        process.wait(10)


async def through_node_red(ha: HomeAssistant, url: str) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as client:

        async def call(on: bool) -> None:
            action = f"input_boolean.turn_{'on' if on else 'off'}"
            answer = await client.post(url, json={"action": action, "target": {"entity_id": [ENTITY]}})
            answer.raise_for_status()

        deadline = time.monotonic() + 20
        while True:
            try:
                await call(True)
                if (await asyncio.to_thread(ha.state, ENTITY))["state"] == "on":
                    break
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline:
                raise RuntimeError("Node-RED did not reach Home Assistant")
            await asyncio.sleep(0.2)
        return await timed(call)


async def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        ha = HomeAssistant(Path(folder) / "house")
        await asyncio.to_thread(ha.start)
        os.environ[VARIABLE] = ha.token
        try:
            home = await bench_home(Path(folder) / "home")
            rest, socket = await direct_rest(ha), await direct_websocket(ha)
            async with opened(home) as house:
                await over(house, ha, "entity.yaml", None)
                by_socket = await governed(house)
                await over(house, ha, "variants/entity-rest.yaml", "1.0.0")
                by_rest = await governed(house)
            async with node_red(ha, Path(folder) / "red") as url:
                neighbour: Any = {"skipped": "Node-RED is not installed: tests/peers/install-node-red.sh"}
                if url is not None:
                    neighbour = await through_node_red(ha, url)
        finally:
            await asyncio.to_thread(ha.stop)

    def added(governed_by: dict[str, Any], direct: dict[str, Any]) -> float:
        return round(float(governed_by["action"]["p50_ms"]) - float(direct["call"]["p50_ms"]), 2)

    return {
        "benchmark": "homeassistant",
        "direct": {"rest": rest, "websocket": socket},
        "governed": {"rest": by_rest, "websocket": by_socket},
        "added_to_a_call_ms": {"rest": added(by_rest, rest), "websocket": added(by_socket, socket)},
        "node_red_to_homeassistant": neighbour,
    }


if __name__ == "__main__":
    if installed() is None:
        skipped = "Home Assistant is not installed: tests/peers/install-homeassistant.sh"
        print(json.dumps({"benchmark": "homeassistant", "skipped": skipped}))
        sys.exit(0)
    print(json.dumps(asyncio.run(measure()), indent=2))
