"""What the files of the kill switch ask for, done by whoever has the log open: stops recorded, actions cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infrafabric.control.stop_file import Note, Scope, StopFolder, scope_of, stop_key, what_of
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, StopChanged
from infrafabric.kernel.words.names import new_trace_id

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.kernel import Kernel

__all__ = ["Standing", "noticing_stops", "record_stops", "standing_stops"]

EVERY_S = 0.1
"""How soon a pause ends and a stop is recorded; before each write the files are looked at anyway."""
AGAIN_S = 5.0
"""After a log that took no entry."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A stop that stands, as the log or its file says."""

    scope: Scope
    name: str
    """Full id of the capability or talent; "" for all."""
    by: str
    at: str
    why: str
    recorded: bool
    """Whether the log says so; where only the file does, the log will as soon as it can be had."""
    lifting: bool = False
    """Whether its end was asked for, and is not recorded yet."""

    @property
    def what(self) -> str:
        return what_of(stop_key(self.scope, self.name))


def standing_stops(house: House) -> list[Standing]:
    """What is halted now, by key. Raises IF_ERR_STOPPED where a file cannot be read: then everything is."""
    folder, facts = StopFolder(house.home.root), dict(house.reading.facts.scan("stop"))
    found = []
    for key in sorted({*facts, *folder.names()}):
        scope = scope_of(key)
        if scope is None:
            continue
        note, fact = folder.read(key), facts.get(key)
        lifting = note is not None and note.change == "lifted"
        if fact is not None:
            found.append(Standing(*scope, fact["talent"], fact["at"], fact["why"], recorded=True, lifting=lifting))
        elif note is not None and not lifting:
            found.append(Standing(*scope, note.by, note.at, note.why, recorded=False))
    return found


async def record_stops(house: House) -> list[str]:
    """Record what the files say and the log does not yet; the keys that changed. Raises what the log raises.

    A file that cannot be read halts all writes by itself; there is nothing in it to record.
    """
    folder, changed = StopFolder(house.home.root), []
    with suppress(FabricError):
        for key in folder.names():
            scope = scope_of(key)
            note = folder.read(key) if scope is not None else None
            recorded = house.log.facts.get("stop", key) is not None
            if scope is not None and note is not None and recorded != (note.change == "set"):
                changed.append((key, _entry(house, scope, note)))
    for _, entry in changed:
        await house.log.append(entry)
    return [key for key, _ in changed]


def _entry(house: House, scope: tuple[Scope, str], note: Note) -> Entry:
    body = StopChanged(
        talent=note.by,
        trace=note.trace or new_trace_id(),
        scope=scope[0],
        name=scope[1],
        change=note.change,
        why=house.redactor.redact(note.why),
    )
    return Entry(Kind.STOP_CHANGED, body, actor=note.by)


@asynccontextmanager
async def noticing_stops(house: House, kernel: Kernel) -> AsyncIterator[None]:
    """While the kernel runs: record stops, cancel actions and end the pauses of what may write no more."""
    task = asyncio.create_task(_notice(house, kernel))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(FabricError):  # whoever opens the log next tries again
            await record_stops(house)


async def _notice(house: House, kernel: Kernel) -> None:
    folder = StopFolder(house.home.root)
    while True:
        pause = EVERY_S
        try:
            if await record_stops(house) or folder.cancelled():
                kernel.wake_halted()
            for action in folder.cancelled():
                await _cancel(kernel, folder, action)
        except FabricError as error:
            # A folder that cannot be read halts the writes, a log that takes no entry everything: both are said there.
            if error.code is Code.STOPPED:
                kernel.wake_halted()
            else:
                pause = AGAIN_S
        await asyncio.sleep(pause)


async def _cancel(kernel: Kernel, folder: StopFolder, action: str) -> None:
    """Have the action cancelled that a file names. The file stays until the action is over."""
    if action in kernel.under_way:
        note = folder.read(f"cancel {action}")
        if note is not None:
            kernel.halt(action, note.by, note.why)
        return
    note = folder.read(f"cancel {action}")
    try:
        if note is not None:
            await kernel.cancel(action, note.by, note.why)
    except FabricError as error:
        if error.code in (Code.LOG_STOPPED, Code.LOG_CLOCK, Code.DISK_FULL):
            raise
    folder.forget_cancel(action)
