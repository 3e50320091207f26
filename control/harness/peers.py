"""The system that a conformance run acts on, and the driver between."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from infrafabric.control.harness.recorded import check_call, http_answer
from infrafabric.control.harness.source import Source
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Answer, Driver, DriverCall
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.names import product_of
from infrafabric.kernel.words.things import AddressClass, Target

__all__ = ["DriverWorld", "Peer", "RecordedWorld", "World", "open_peer"]


class Peer(Protocol):
    """What a scenario's peer module gives: `async with module.peer() as peer`."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of a target that is this peer, by the manifest's names."""
        ...

    @property
    def secrets(self) -> Mapping[str, str]:
        """Its secrets, by the manifest's names; throwaway values."""
        ...

    def writes(self) -> Sequence[object]:
        """The requests so far that meant to alter something."""
        ...

    def snapshot(self) -> Any:
        """Its state as JSON, without what moves by itself."""
        ...


def open_peer(module: str) -> AbstractAsyncContextManager[Peer]:
    """A fresh peer. Raises IF_ERR_SCENARIO_INVALID where the module cannot be imported or makes none."""
    try:
        make = importlib.import_module(module).peer
    except (ImportError, AttributeError) as error:
        raise FabricError(Code.SCENARIO_INVALID, f"peer {module}: {error}") from None
    return cast(AbstractAsyncContextManager[Peer], make())


class World(Protocol):
    """Where a case happens: performs effects, and shows whether anything moved."""

    writable: bool

    def describe(self, name: str, args: Mapping[str, Any]) -> str: ...

    async def perform(self, name: str, args: Mapping[str, Any]) -> Answer: ...

    def snapshot(self) -> Any: ...

    def writes(self) -> int: ...


@dataclass(slots=True)
class DriverWorld:
    """A peer behind the real driver. `sent` counts the writes that the driver was asked for."""

    source: Source
    peer: Peer
    driver: Driver
    writable: bool = True
    sent: int = field(default=0, init=False)

    @property
    def target(self) -> Target:
        return Target(
            name=f"{product_of(self.source.manifest.id)}@conformance",
            settings=dict(self.peer.settings),
            allow_addresses=(AddressClass.LOOPBACK,),
        )

    def describe(self, name: str, args: Mapping[str, Any]) -> str:
        return self.driver.describe(self._call(name, args))

    async def perform(self, name: str, args: Mapping[str, Any]) -> Answer:
        if not self.source.manifest.effects[name].is_read:
            self.sent += 1
        return await self.driver.perform(self._call(name, args), self.peer.secrets)

    def snapshot(self) -> Any:
        return self.peer.snapshot()

    def writes(self) -> int:
        return len(self.peer.writes()) + self.sent

    def _call(self, name: str, args: Mapping[str, Any]) -> DriverCall:
        manifest: Manifest = self.source.manifest
        return DriverCall(manifest, name, args, self.target, None, manifest.limits.timeout_s)


@dataclass(slots=True)
class RecordedWorld:
    """Answers from files; nothing can be written."""

    source: Source
    answers: Mapping[str, str]
    writable: bool = False

    def describe(self, name: str, args: Mapping[str, Any]) -> str:
        return check_call(self.source.manifest, name, args, write=True).operation

    async def perform(self, name: str, args: Mapping[str, Any]) -> Answer:
        if name not in self.answers:
            raise FabricError(Code.SCENARIO_INVALID, f"no answer is recorded for the read {name}")
        path = self.source.folder.joinpath(*self.answers[name].split("/"))
        try:
            return Answer(http_answer(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise FabricError(
                Code.SCENARIO_INVALID, f"the recorded answer {path.name} cannot be read: {error}"
            ) from None

    def snapshot(self) -> Any:
        return None

    def writes(self) -> int:
        return 0
