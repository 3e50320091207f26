"""The end of a secret's overlap: its former values are destroyed, and the log says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, SecretChanged
from infrafabric.kernel.words.names import new_trace_id

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["drop_former_secrets"]


async def drop_former_secrets(house: House) -> None:
    """Destroy the former values whose overlap is over, each an entry.

    Where the log takes none they stay in the vault's file, which is a warning; they are handed out no more either way.
    """
    names = house.vault.overdue()
    if not names:
        return
    bodies = [
        SecretChanged(talent=OPERATOR, trace=new_trace_id(), name=name, change="ended", why="the overlap is over")
        for name in names
    ]
    try:
        await house.log.append(*(Entry(Kind.SECRET_CHANGED, body) for body in bodies))
    except FabricError as error:
        house.warnings.append(f"former values of {', '.join(names)} are still in the vault's file: {error.message}")
        return
    await asyncio.to_thread(house.vault.drop_overdue)
