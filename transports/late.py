"""A driver that is made when it is first needed: importing what it speaks through takes longer than many commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from infrafabric.kernel.ports import Answer, Driver, DriverCall, Health, Signals
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import Target

__all__ = ["LateDriver"]


class LateDriver:
    """A `kernel.ports.Driver` that stands for the one that `make` gives, which is made once, at the first use."""

    def __init__(self, name: str, make: Callable[[], Driver]) -> None:
        self.name = name
        self._make = make
        self._made: Driver | None = None

    @property
    def _driver(self) -> Driver:
        if self._made is None:
            self._made = self._make()
        return self._made

    def check(self, manifest: Manifest) -> None:
        self._driver.check(manifest)

    async def address(self, manifest: Manifest, target: Target) -> Mapping[str, Any]:
        return await self._driver.address(manifest, target)

    def describe(self, call: DriverCall) -> str:
        return self._driver.describe(call)

    async def perform(self, call: DriverCall, secrets: Mapping[str, str]) -> Answer:
        return await self._driver.perform(call, secrets)

    def signals(
        self, manifest: Manifest, target: Target, secrets: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Signals] | None:
        return self._driver.signals(manifest, target, secrets)

    def health(self) -> Mapping[str, Health]:
        return {} if self._made is None else self._made.health()

    async def check_health(self, manifest: Manifest, target: Target, secrets: Mapping[str, str]) -> Health:
        return await self._driver.check_health(manifest, target, secrets)

    async def forget(self, target: str) -> None:
        if self._made is not None:
            await self._made.forget(target)

    async def close(self) -> None:
        if self._made is not None:
            await self._made.close()
