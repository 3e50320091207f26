"""What a kernel that stays does by itself: questions end, overlaps end, changed folders are looked at again.

Stops and cancellations have a task of their own (`control/stopping.py`), and so have targets' health and anchors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infrafabric.control.former_secrets import drop_former_secrets
from infrafabric.control.log_keys import NEXT, settle_log_key
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.names import new_trace_id

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["DUTIES", "background"]

Tell = Callable[[str], None]
Fault = Callable[[BaseException, str], FabricError]
Duty = Callable[["House", Tell], Awaitable[None]]


async def _questions(house: House, _: Tell) -> None:
    await house.kernel.expire()


async def _overlaps(house: House, tell: Tell) -> None:
    """Former secrets, and the former key of the log."""
    before = len(house.warnings)
    await drop_former_secrets(house)
    for warning in house.warnings[before:]:
        tell(f"warning: {warning}")
    if NEXT in house.keystore.names():
        for warning in await settle_log_key(house, tell):
            tell(f"warning: {warning}")


async def _trust(house: House, tell: Tell) -> None:
    """Warn when the trust set comes near its end, once for each thing to be said."""
    for warning in house.trust_warnings():
        if warning not in house.warnings:
            house.warnings.append(warning)
            tell(f"warning: {warning}")


DUTIES: tuple[tuple[Duty, float], ...] = ((_questions, 1.0), (_overlaps, 30.0), (_trust, 600.0))
"""Each with the seconds from the end of one time to the next."""
FOLDERS_S = 1.0


@asynccontextmanager
async def background(house: House, tell: Tell, fault: Fault) -> AsyncIterator[None]:
    """While it is open, do all of it. What fails is told when it begins to fail or fails otherwise, and tried again.

    `fault` keeps a fault of InfraFabric's own, under a name, and gives what is said of it.
    """
    duties: list[tuple[Duty, float]] = [*DUTIES, (_Folders(house), FOLDERS_S)]
    tasks = [asyncio.create_task(_again(house, duty, every_s, tell, fault)) for duty, every_s in duties]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Folders:
    """Sees that bundles were installed or secrets changed by a process that did not say so."""

    def __init__(self, house: House) -> None:
        self._seen = self._look(house)

    async def __call__(self, house: House, _: Tell) -> None:
        seen = self._look(house)
        if seen != self._seen:
            await house.refresh()
            self._seen = seen

    def _look(self, house: House) -> tuple[int, ...]:
        return tuple(_changed(path) for path in (house.home.bundles, house.home.vault_file))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


async def _again(house: House, duty: Duty, every_s: float, tell: Tell, fault: Fault) -> None:
    before = ""
    while True:
        await asyncio.sleep(every_s)
        said = ""
        try:
            await duty(house, tell)
        except Exception as error:
            said = str(error) if isinstance(error, FabricError) else repr(error)
            if said != before:
                tell(f"warning: {error if isinstance(error, FabricError) else fault(error, new_trace_id())}")
        before = said
