"""A real Home Assistant and a kernel that acts on it, for the peer tests. Skipped where it is not installed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from homes import Ifctl

ADAPTER = Path(__file__).parents[2] / "adapters" / "homeassistant"
OBSERVE = Path(__file__).parents[1] / "peers" / "homeassistant" / "observe.py"
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


AGENT = "if://agent/Butler"
"""Acts for the operator, who owns it."""


@dataclass(frozen=True, slots=True)
class GovernedHome:
    """ifctl on a home with the default policies, its target the real house, and an agent beside the operator."""

    run: Ifctl
    ha: HomeAssistant

    def state(self, entity_id: str) -> str:
        """What a client that shares no code with the driver sees."""
        return str(self.ha.state(entity_id)["state"])

    def ok(self, *args: str, stdin: str | bytes | None = None) -> Any:
        """A command that must succeed, with a reason."""
        return self.run.ok(*args, "--why", "a test", stdin=stdin)

    def apply(self, *entities: str, who: str = AGENT, more: Sequence[str] = (), **wish: str) -> dict[str, Any]:
        """What `ifctl capability apply` reports, however it ends."""
        return dict(json.loads(self.run(*self.command(*entities, who=who, more=more, **wish), "--json").stdout))

    def command(self, *entities: str, who: str = AGENT, more: Sequence[str] = (), **wish: str) -> list[str]:
        named = [word for entity in entities for word in ("--entities", entity)]
        wished = [word for name, value in wish.items() for word in (f"--{name.replace('_', '-')}", value)]
        asked = ["capability", "apply", "homeassistant.entity", *named, *wished]
        return [*asked, "--as", who, "--why", "a test", *more]

    def bodies(self, kind: str, *more: str) -> list[dict[str, Any]]:
        """The entries of a kind, in order."""
        entries = self.run.ok("witness", "query", "--kind", kind, *more)["entries"]
        return [entry["body"] for entry in reversed(entries)]


@pytest.fixture(scope="session")
def governed_template(
    running_house: HomeAssistant, bare_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home that may act on the house. Never used itself."""
    from homes import Ifctl

    folder = tmp_path_factory.mktemp("governed-home")
    run = Ifctl(_home(bare_template, folder / "home"))
    why = ("--why", "a test")
    run.ok("trust", "publisher", "acme", "--key", "own", "--pattern", "homeassistant.*", *why)
    signed = run.ok("adapter", "sign", str(ADAPTER), "--manifest", "entity.yaml", "--out", str(folder / "bundle"))
    run.ok("adapter", "install", str(folder / "bundle"))
    run.ok("trust", "allow", f"homeassistant.entity@{signed['version']}", *why)
    run.ok("secret", "set", "HASS_TOKEN", *why, stdin=running_house.token)
    settings = [f"{name}={value}" for name, value in running_house.settings.items()]
    secret = ("--secret", "HASS_TOKEN=vault:HASS_TOKEN", "--allow-address", "loopback")
    run.ok("target", "add", TARGET, *settings, *secret, *why)
    run.ok("talent", "add", "--name", "Butler", "--owner", "operator", *why)
    for name in ("operator", "Butler"):
        run.ok("talent", "grant", "--name", name, "--capability", "homeassistant.entity", *why)
    return run.home


@pytest.fixture
def real_home(governed_template: Path, running_house: HomeAssistant, tmp_path: Path) -> GovernedHome:
    """A home of the test's own, and the house as it was at its beginning."""
    from homes import Ifctl

    running_house.reset()
    return GovernedHome(Ifctl(_home(governed_template, tmp_path / "home")), running_house)


def observed(ha: HomeAssistant, *entities: str) -> dict[str, Any]:
    """State and attributes of entities as homeassistant-api, a client that nobody here wrote, sees them."""
    place = installed()
    if place is None or not (place / "observer" / "bin" / "python").exists():
        pytest.skip("homeassistant-api is not installed: tests/peers/install-homeassistant.sh")
    command = [str(place / "observer" / "bin" / "python"), str(OBSERVE), ha.base, *entities]
    environment = {"PATH": os.environ["PATH"], "HASS_TOKEN": ha.token}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=30, check=True)
    return dict(json.loads(done.stdout))


def _home(template: Path, place: Path) -> Path:
    """A copy of a home that shares its compiled components."""
    shutil.copytree(template, place, ignore=shutil.ignore_patterns("cache", "components"))
    (place / "cache").symlink_to((template / "cache").resolve())
    return place
