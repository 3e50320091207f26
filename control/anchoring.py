"""Anchoring while a kernel stays open, and looking at what was anchored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from infrafabric.control.anchor_place import AnchorPlace
from infrafabric.control.settings import WitnessSettings
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.checkpoint import SignedCheckpoint, open_checkpoint
from infrafabric.witness.leaf import parse_at
from infrafabric.witness.merkle import verify_consistency
from infrafabric.witness.reading import LogReading

__all__ = ["anchored", "anchoring"]

LATE = 2.5
"""Times `anchor_every_s` after which entries should have been anchored: two tries, and some slack."""


@asynccontextmanager
async def anchoring(
    settings: WitnessSettings, head: Callable[[], SignedCheckpoint], tell: Callable[[str], None]
) -> AsyncIterator[Mapping[str, FabricError]]:
    """While it is open, each of `settings.anchors` is written at once and then every `anchor_every_s`.

    Gives what fails now, by directory. A failure stops neither the kernel nor the other directories: `tell` hears of
    it when it begins or changes, and when it is over, and it is tried again.
    """
    faults: dict[str, FabricError] = {}
    tasks = [asyncio.create_task(_keep(folder, settings, head, faults, tell)) for folder in settings.anchors]
    try:
        yield faults
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(
    folder: str,
    settings: WitnessSettings,
    head: Callable[[], SignedCheckpoint],
    faults: dict[str, FabricError],
    tell: Callable[[str], None],
) -> None:
    place = AnchorPlace(Path(folder))
    while True:
        fault: FabricError | None = None
        try:
            await asyncio.to_thread(place.write, head())
        except FabricError as error:
            fault = error
        except Exception as error:  # whatever it was, the next try may succeed
            fault = FabricError(Code.INTERNAL, f"anchoring in {folder} failed: {type(error).__name__}: {error}")
            fault.__cause__ = error
        before = faults.pop(folder, None)
        if fault is not None:
            faults[folder] = fault
            if before is None or str(before) != str(fault):
                tell(f"not anchored: {fault}")
        elif before is not None:
            tell(f"anchored again in {folder}")
        await asyncio.sleep(settings.anchor_every_s)


def anchored(folder: str, settings: WitnessSettings, log: LogReading) -> tuple[int, int]:
    """Sizes of the newest anchor in `folder` and of the log, after the anchor was found to be of the log's beginning.

    Raises IF_ERR_ANCHOR_MISSING (no directory, no anchor, or none of what should have been anchored by now),
    IF_ERR_NOTE_INVALID (not signed as this log), IF_ERR_ANCHOR_MISMATCH (another tree, or a longer one).
    """
    try:
        newest = max(Path(folder).glob("*.checkpoint"), default=None)
        if newest is None:
            raise FabricError(Code.ANCHOR_MISSING, f"{folder} holds no anchor, or is not there")
        anchor = open_checkpoint(newest.read_bytes(), log.verifiers())
    except OSError as error:
        raise FabricError(Code.ANCHOR_MISSING, f"{folder}: {error.strerror or error}") from None
    head = log.head  # read after the anchor: a kernel may be at work
    if anchor.size > head.size:
        raise FabricError(Code.ANCHOR_MISMATCH, f"{anchor.size} entries were anchored, the log has only {head.size}")
    try:
        proof = log.consistency(anchor.size, head.size)
        verify_consistency(anchor.size, head.size, anchor.root, head.root, proof)
    except FabricError as error:
        if error.code is not Code.PROOF_INVALID:
            raise
        raise FabricError(Code.ANCHOR_MISMATCH, f"{newest} is of another tree than the log's beginning") from None
    if anchor.size < head.size:
        waiting = time.time() - parse_at(log.entry(anchor.size).parsed.at) / 1000
        if waiting > LATE * settings.anchor_every_s:
            raise FabricError(
                Code.ANCHOR_MISSING,
                f"{folder}: {head.size - anchor.size} entries wait since {waiting / 3600:.1f} h to be anchored",
                remedy="Start a kernel that stays open, or run `ifctl witness anchor`.",
            )
    return anchor.size, head.size
