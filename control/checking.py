"""The conformance run with everything it needs: shipped drivers, and a sandbox that needs no home."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from infrafabric.control.component_cache import component_cache
from infrafabric.control.harness import Report, check
from infrafabric.control.home import Home
from infrafabric.control.settings import Settings
from infrafabric.control.starting import chassis_settings, load_drivers, load_plugins
from infrafabric.kernel.chassis.chassis import Chassis
from infrafabric.keys.keystore import Keystore
from infrafabric.keys.passphrase import Passphrase
from infrafabric.keys.redaction import SecretRedactor

__all__ = ["check_adapters"]


async def check_adapters(
    folder: Path, manifests: Sequence[str], *, home: Home | None, native: bool, tell: Callable[[str], None]
) -> list[Report]:
    """Run the conformance rules on each draft manifest of a source folder, in the sandbox.

    A development home lends its compiled component; without one it is compiled for this run. With `native` the adapter
    runs in this process as well. Raises IF_ERR_SANDBOX_UNAVAILABLE; what is wrong with the adapter is in the reports.
    """
    drivers = load_drivers(load_plugins(()), {}, SecretRedactor())
    reports = []
    try:
        async with _chassis(home, tell) as chassis:
            for manifest in manifests:
                tell(f"checking {manifest}")
                reports.append(await check(folder, manifest, drivers=drivers, chassis=chassis, native=native))
    finally:
        for driver in drivers.values():
            await driver.close()
    return reports


@asynccontextmanager
async def _chassis(home: Home | None, tell: Callable[[str], None]) -> AsyncIterator[Chassis]:
    if home is not None and home.is_development:
        key = Keystore(home.keys, Passphrase(), development=True).load("log")
        async with await Chassis.start(chassis_settings(*component_cache(home, key), Settings()), progress=tell) as one:
            yield one
        return
    with tempfile.TemporaryDirectory(prefix="infrafabric-check-") as cache:
        settings = chassis_settings(Path(cache), os.urandom(32), Settings())
        async with await Chassis.start(settings, progress=tell) as one:
            yield one
