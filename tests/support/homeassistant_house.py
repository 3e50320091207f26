"""A real Home Assistant and a kernel that acts on it, for the peer tests. Skipped where it is not installed."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infrafabric.adapters.homeassistant.tests.running import HomeAssistant, installed
from infrafabric.control.changes import adopt
from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Ask, Purpose, Report
from infrafabric.kernel.kernel import Kernel
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.things import AddressClass, Grant, Talent, Target
from infrafabric.keys.passphrase import Passphrase
from infrafabric.registry.bundle import sign_bundle
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import add_publisher, allow

ADAPTER = Path(__file__).parents[2] / "adapters" / "homeassistant"
NOBODY = Passphrase(environ={})
TARGET = "homeassistant@house"
GUEST = "if://person/guest"
"""A second talent with the same grants."""
VARIABLE = "PEER_HASS_TOKEN"


@dataclass
class Governed:
    """A kernel on a development home, its target the real house."""

    parts: House
    ha: HomeAssistant

    @property
    def kernel(self) -> Kernel:
        return self.parts.kernel

    def ask(self, intent: Mapping[str, Any], purpose: Purpose = "apply", **more: Any) -> Ask:
        members = {"why": "a test", "talent": OPERATOR, "target": TARGET, **more}
        name = members.pop("capability", "homeassistant.entity")
        return Ask(capability=capability_id(name), intent=intent, purpose=purpose, **members)

    async def act(self, *entities: str, **wish: Any) -> Report:
        return await self.kernel.act(self.ask({"entities": list(entities), **wish}))

    async def plan(self, *entities: str, **wish: Any) -> Report:
        return await self.kernel.act(self.ask({"entities": list(entities), **wish}, "plan"))

    async def undo(self, report: Report) -> Report:
        return await self.kernel.undo(report.action, OPERATOR, "a test")

    async def state(self, entity_id: str) -> str:
        return str((await asyncio.to_thread(self.ha.state, entity_id))["state"])

    async def attributes(self, entity_id: str) -> dict[str, Any]:
        return dict((await asyncio.to_thread(self.ha.state, entity_id))["attributes"])

    async def target(self, name: str, variable: str) -> None:
        """Another target that is this house, with the token in that variable of the environment."""
        operator = self.parts.operator(new_trace_id())
        target = Target(
            name=name,
            settings=dict(self.ha.settings),
            secrets={"HASS_TOKEN": f"env:{variable}"},
            allow_addresses=(AddressClass.LOOPBACK,),
        )
        await self.parts.record(operator.target(target, "a test"))
        for talent in (OPERATOR, GUEST):
            for capability in ("homeassistant.entity", "homeassistant.service"):
                grant = Grant(talent=talent, capability=capability_id(capability), target=name)
                await self.parts.record(operator.grant(grant, "a test"))


@pytest.fixture(scope="session")
def running_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeAssistant]:
    """One Home Assistant for all tests of the session."""
    if installed() is None:
        pytest.skip("Home Assistant is not installed: tests/peers/install-homeassistant.sh")
    ha = HomeAssistant(tmp_path_factory.mktemp("homeassistant") / "config")
    ha.start()
    try:
        yield ha
    finally:
        ha.stop()


@pytest.fixture(scope="session")
async def governed_house(
    running_house: HomeAssistant, furnished: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Governed]:
    """One kernel for all tests of the session, acting on it."""
    root = tmp_path_factory.mktemp("governed") / "home"
    shutil.copytree(furnished, root, ignore=shutil.ignore_patterns("components"))
    os.environ[VARIABLE] = running_house.token
    async with open_house(Home.open(root), "acting", passphrase=NOBODY) as parts:
        key = parts.keystore.public("publisher")
        trust = add_publisher(parts.trusted.trust, "tester", [key], ["house.*", "homeassistant.*"])
        for manifest_file in ("entity.yaml", "service.yaml"):
            bundle = sign_bundle(ADAPTER, manifest_file, parts.keystore.load("publisher"))
            parts.bundles.install(bundle)
            parts.registry.refresh()
            trust = allow(trust, bundle.manifest.id, bundle.manifest.version, bundle.digest)
        await adopt(parts, sign_trust(trust, parts.keystore.load("root")), "allow them", "test", new_trace_id())
        await parts.record(parts.operator(new_trace_id()).talent(Talent(id=GUEST), "a test"))
        governed = Governed(parts, running_house)
        await governed.target(TARGET, VARIABLE)
        yield governed
    os.environ.pop(VARIABLE, None)


@pytest.fixture
async def homeassistant(governed_house: Governed) -> Governed:
    """The governed house as it was at its beginning."""
    await asyncio.to_thread(governed_house.ha.reset)
    return governed_house
