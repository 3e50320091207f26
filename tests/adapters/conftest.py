"""The real http driver and the real sandbox, for conformance runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from infrafabric.kernel.chassis.chassis import Chassis
from infrafabric.kernel.chassis.program import COMPONENT_FILE, ChassisSettings
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Driver
from infrafabric.transports.http.driver import HttpDriver


class NoSecrets:
    """A redactor that knows no secret."""

    def redact(self, text: str) -> str:
        return text

    def found(self, text: str) -> bool:
        return False


@pytest.fixture
async def drivers() -> AsyncIterator[dict[str, Driver]]:
    driver = HttpDriver(DriverContext(NoSecrets(), {}))
    yield {"http": driver}
    await driver.close()


@pytest.fixture(scope="session")
async def chassis(pytestconfig: pytest.Config) -> AsyncIterator[Chassis]:
    if not COMPONENT_FILE.exists():
        pytest.skip("the sandbox component is not built: python -m infrafabric.kernel.chassis.build")
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("infrafabric-adapters")  # compiled once, not once a session
    settings = ChassisSettings(cache=cache, mac_key=b"of these tests alone", workers=1, spares=0)
    async with await Chassis.start(settings) as running:
        yield running
