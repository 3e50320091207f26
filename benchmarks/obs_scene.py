"""A scene of a real OBS to program, governed, beside the same done directly with simpleobsws, in one run.

OBS is started here (tests/peers/install-obs.sh), with 60 frames a second and cuts as its transition. A switch counts
when it is confirmed: directly, when OBS tells that the program scene changed; governed, when the kernel has seen that
the scene alone is on air, has recorded it and made the receipt. Prints JSON, milliseconds: both, what governing adds,
and one idle request through the driver beside one through simpleobsws. Skips with a reason where there is no OBS.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvloop
from bench_house import NOBODY, opened

from infrafabric.control.changes import adopt
from infrafabric.control.home import Home
from infrafabric.control.house import House
from infrafabric.control.making import make_home
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Ask
from infrafabric.kernel.ports import DriverCall
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import AddressClass, Grant, Target
from infrafabric.registry.bundle import sign_bundle
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import add_publisher, allow

FOLDER = Path(__file__).parents[1] / "adapters" / "obs"
CAPABILITY = capability_id("obs.scene")
TARGET = "obs@bench"
ROUNDS, IDLE, WARM = 40, 500, 4


async def timed(act: Callable[[str], Awaitable[None]], rounds: int) -> dict[str, float]:
    took = []
    for turn in range(-WARM, rounds):
        scene = "Intro" if turn % 2 else "Main"
        began = time.perf_counter()
        await act(scene)
        if turn >= 0:
            took.append((time.perf_counter() - began) * 1e3)
    took.sort()
    return {"p50_ms": round(statistics.median(took), 2), "p90_ms": round(took[len(took) * 9 // 10], 2)}


async def direct(port: int, password: str) -> dict[str, Any]:
    import simpleobsws

    client = simpleobsws.WebSocketClient(f"ws://127.0.0.1:{port}", password)
    await client.connect()
    assert await client.wait_until_identified()
    changed = asyncio.Event()

    async def told(data: Any) -> None:
        changed.set()

    client.register_event_callback(told, "CurrentProgramSceneChanged")

    async def switch(scene: str) -> None:
        changed.clear()
        answer = await client.call(simpleobsws.Request("SetCurrentProgramScene", {"sceneName": scene}))
        assert answer.ok()
        await asyncio.wait_for(changed.wait(), 5)

    async def idle(scene: str) -> None:
        assert (await client.call(simpleobsws.Request("GetCurrentSceneTransitionCursor"))).ok()

    measured = {"switch": await timed(switch, ROUNDS), "idle_request": await timed(idle, IDLE)}
    await client.disconnect()
    return measured


async def governed(house: House, target: Target) -> dict[str, Any]:
    async def switch(scene: str) -> None:
        report = await house.kernel.act(Ask(CAPABILITY, OPERATOR, {"scene": scene}, "benchmark", target=TARGET))
        assert report.outcome is Outcome.CONVERGED, report.error
        assert report.plan is not None and report.plan.changes

    manifest = house.registry.resolve(CAPABILITY).manifest
    driver = house.kernel.parts.drivers["obs"]
    secrets = {name: house.kernel.parts.secrets.resolve(where) for name, where in target.secrets.items()}

    async def idle(scene: str) -> None:
        assert (await driver.perform(DriverCall(manifest, "cursor", {}, target), secrets)).ok

    return {"switch": await timed(switch, ROUNDS), "idle_request": await timed(idle, IDLE)}


async def prepared(house: House, folder: Path, port: int, password: str) -> Target:
    keys = house.keystore
    trust = add_publisher(house.trusted.trust, "bench", [keys.public("publisher")], ["obs.*"])
    bundle = sign_bundle(FOLDER, "scene.yaml", keys.load("publisher"))
    house.bundles.install(bundle)
    house.registry.refresh()
    trust = allow(trust, bundle.manifest.id, bundle.manifest.version, bundle.digest)
    await adopt(house, sign_trust(trust, keys.load("root")), "obs", "benchmark", new_trace_id())
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    target = Target(
        name=TARGET,
        settings={"OBS_HOST": "127.0.0.1", "OBS_PORT": str(port)},
        secrets={"OBS_PASSWORD": f"file:{secret}"},
        allow_addresses=(AddressClass.LOOPBACK,),
    )
    operator = house.operator(new_trace_id())
    await house.record(operator.target(target, "benchmark"))
    await house.record(operator.grant(Grant(talent=OPERATOR, capability=CAPABILITY, target=TARGET), "benchmark"))
    return target


async def measure() -> dict[str, Any]:
    for module in ("simpleobsws", "obswebsocket"):
        if find_spec(module) is None:
            return {"benchmark": "obs_scene", "skipped": f"{module} is not installed: the extras obs and peers"}
    from infrafabric.adapters.obs.tests.obs_studio import ObsStudio, missing

    if why := missing():
        return {"benchmark": "obs_scene", "skipped": why}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "obs").mkdir()
        with ObsStudio(folder / "obs", fps=60) as obs:
            obs.call("SetCurrentSceneTransition", transitionName="Cut")
            await make_home(
                folder / "home", "development", origin="bench.invalid/log", passphrase=NOBODY, export_root=None,
                trace=new_trace_id(), tell=lambda text: None,
            )  # fmt: skip
            async with opened(Home.open(folder / "home")) as house:
                target = await prepared(house, folder, obs.port, obs.password)
                ours = await governed(house, target)
                theirs = await direct(obs.port, obs.password)
    return {
        "benchmark": "obs_scene",
        "governed": ours,
        "direct_simpleobsws": theirs,
        "added_p50_ms": round(ours["switch"]["p50_ms"] - theirs["switch"]["p50_ms"], 2),
        "idle_ratio_to_simpleobsws": round(ours["idle_request"]["p50_ms"] / theirs["idle_request"]["p50_ms"], 2),
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure())))
    sys.exit(0)
