"""A real OBS and a home that acts on it: one of each a session. Tests that need them are skipped where OBS is not."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import infrafabric.adapters.obs as package
from infrafabric.control.changes import adopt
from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Ask, Purpose, Report
from infrafabric.kernel.stations import OnStation
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.things import AddressClass, Grant, Target
from infrafabric.keys.passphrase import Passphrase
from infrafabric.registry.bundle import sign_bundle
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import add_publisher, allow

if TYPE_CHECKING:
    from infrafabric.adapters.obs.tests.obs_studio import ObsStudio

FOLDER = Path(package.__file__).parent
NAMES = ("scene", "source", "output")
TARGET = "obs@studio"
NOBODY = Passphrase(environ={})


@dataclass
class ObsHouse:
    """An open house whose operator may do everything on one OBS."""

    house: House
    studio: ObsStudio

    async def act(
        self,
        name: str,
        purpose: Purpose = "apply",
        on: str = TARGET,
        /,
        *,
        watcher: OnStation | None = None,
        **intent: Any,
    ) -> Report:
        ask = Ask(capability_id(f"obs.{name}"), OPERATOR, intent, "the test says so", purpose, target=on)
        return await self.house.kernel.act(ask, watcher)

    async def undo(self, report: Report) -> Report:
        return await self.house.kernel.undo(report.action, OPERATOR, "the test says so")

    def results(self, action: str) -> list[str]:
        """What became of each write of the action, as it is on record."""
        entries = self.house.log.entries(action)
        return [str(body["result"]) for _, kind, body in entries if kind is Kind.EFFECT_OBSERVED and body]

    async def target(self, name: str, port: int, password: str) -> str:
        """Say where an OBS is; the target's name."""
        secret = self.studio.folder / f"{name.replace('@', '-')}.secret"
        secret.write_text(password)
        secret.chmod(0o600)
        target = Target(
            name=name,
            settings={"OBS_HOST": "127.0.0.1", "OBS_PORT": str(port)},
            secrets={"OBS_PASSWORD": f"file:{secret}"},
            allow_addresses=(AddressClass.LOOPBACK,),
        )
        await self.house.record(self.house.operator(new_trace_id()).target(target, "test"))
        for capability in NAMES:
            grant = Grant(talent=OPERATOR, capability=capability_id(f"obs.{capability}"), target=name)
            await self.house.record(self.house.operator(new_trace_id()).grant(grant, "test"))
        return name


@pytest.fixture(scope="session")
def obs_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObsStudio]:
    pytest.importorskip("obswebsocket", reason="the extra `peers` is not installed")
    pytest.importorskip("simpleobsws", reason="the extra `obs` is not installed")
    from infrafabric.adapters.obs.tests import obs_studio as studios

    if why := studios.missing():
        pytest.skip(why)
    with studios.ObsStudio(tmp_path_factory.mktemp("obs")) as studio, studios.shared(studio):
        yield studio


@pytest.fixture
def obs(obs_session: ObsStudio) -> Iterator[ObsStudio]:
    """The OBS, where it began."""
    obs_session.revive()
    obs_session.reset()
    yield obs_session


@pytest.fixture(scope="session")
async def obs_house_session(
    obs_session: ObsStudio, furnished: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ObsHouse]:
    async with _opened(furnished, tmp_path_factory.mktemp("obs-home") / "home", obs_session) as made:
        yield made


@pytest.fixture
async def obs_house(obs: ObsStudio, obs_house_session: ObsHouse) -> ObsHouse:
    """A home at work, on the OBS where it began."""
    return obs_house_session


@pytest.fixture
async def second_obs_house(obs: ObsStudio, furnished: Path, tmp_path: Path) -> AsyncIterator[ObsHouse]:
    """Another home on the same OBS, with a kernel of its own."""
    async with _opened(furnished, tmp_path / "second", obs) as made:
        yield made


@asynccontextmanager
async def _opened(furnished: Path, root: Path, studio: ObsStudio) -> AsyncIterator[ObsHouse]:
    """A copy of the furnished home with the OBS capabilities, allowed and granted on `studio`."""
    shutil.copytree(furnished, root, ignore=shutil.ignore_patterns("components"))
    # The house outlives a test that kills OBS: what one test breaks must not be cut off in the next.
    (root / "infrafabric.toml").write_text("[governor]\nfailures = 1000\n")
    async with open_house(Home.open(root), "acting", passphrase=NOBODY) as house:
        keys = house.keystore
        trust = add_publisher(house.trusted.trust, "tester", [keys.public("publisher")], ["house.*", "obs.*"])
        for name in NAMES:
            bundle = sign_bundle(FOLDER, f"{name}.yaml", keys.load("publisher"))
            house.bundles.install(bundle)
            trust = allow(trust, bundle.manifest.id, bundle.manifest.version, bundle.digest)
        house.registry.refresh()
        await adopt(house, sign_trust(trust, keys.load("root")), "allow obs", "test", new_trace_id())
        made = ObsHouse(house, studio)
        await made.target(TARGET, studio.port, studio.password)
        yield made
