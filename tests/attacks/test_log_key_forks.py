"""Someone has the former key of a log whose key was changed, and signs another history after the change's end."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, LogRekeyed
from infrafabric.kernel.words.names import new_action_id
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.anchor import verify_from_anchor, write
from infrafabric.witness.checkpoint import Checkpoint, sign_checkpoint
from infrafabric.witness.log import WitnessLog
from infrafabric.witness.merkle import leaf_hash
from infrafabric.witness.note import Verifier
from infrafabric.witness.signer import KeySigner
from infrafabric.witness.slots import Slots
from infrafabric.witness.verify import verify

HEIR = SigningKey.generate()


class Case:
    """A log whose key was changed, its anchors, and a fork that the former key signs from the end of the overlap on."""

    def __init__(self, folder: Path) -> None:
        self.anchors, self.tiles, self.forged_tiles = folder / "anchors", folder / "tiles", folder / "forged-tiles"
        for name in ("log", "fork"):
            (folder / name).mkdir()
        self.bench = Bench(folder / "log")
        self.fork = Bench(folder / "fork")
        self.old, self.new = (str(Verifier(self.bench.origin, key.public.raw)) for key in (self.bench.key, HEIR))
        self.receipt = b""

    def _entry(self, log: WitnessLog, change: str) -> Entry:
        members = {"change": change, "origin": log.origin, "vkey": self.new, "former": self.old, "why": "yearly"}
        body = LogRekeyed.model_validate({**members, "until": "2027-01-01T00:00:00Z"})
        return Entry(Kind.LOG_REKEYED, body)

    async def made(self) -> Case:
        async with self.bench.open() as log:
            await log.append(intended(""))
            write(log.head, self.anchors)
            await log.begin_rekey(KeySigner(HEIR), self._entry(log, "begun"))
            await log.append(intended(""))
            write(log.head, self.anchors)
            await log.finish_rekey(self._entry(log, "finished"))
        shutil.copytree(self.bench.folder, self.fork.folder, dirs_exist_ok=True)
        self.bench = replace(self.bench, key=HEIR)
        async with self.bench.open() as log:
            await log.append(intended(""))
            write(log.head, self.anchors)
            await log.export(self.tiles)
        action = new_action_id()
        async with self.fork.open() as log:  # the last checkpoint bears both signatures, so the thief's log goes on
            await log.append(intended(action), closed(action))
            await log.append(*[intended("") for _ in range(5)])
            await log.export(self.forged_tiles)
            self.receipt = await log.receipt(action)
        return self


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return asyncio.run(Case(tmp_path).made())


def refused(code: Code, error: FabricError | None) -> None:
    assert error is not None
    assert error.code is code


async def test_the_home_does_not_take_the_forks_database(case: Case) -> None:
    for path in case.bench.folder.glob("log.db*"):
        path.unlink()
    shutil.copy(case.fork.database, case.bench.database)
    async with case.bench.open() as log:
        refused(Code.LOG_DAMAGED, log.stopped)
        with pytest.raises(FabricError) as caught:
            await log.append(intended(""))
        refused(Code.LOG_DAMAGED, caught.value)


async def test_the_home_does_not_take_the_forks_slots(case: Case) -> None:
    shutil.copy(case.fork.slots, case.bench.slots)
    async with case.bench.open() as log:
        refused(Code.LOG_ROLLED_BACK, log.stopped)


async def test_the_home_does_not_take_a_forged_slot_of_its_own_size(case: Case) -> None:
    slots = Slots(case.bench.slots)
    slots.write(sign_checkpoint(Checkpoint(case.bench.origin, 5, leaf_hash(b"x")), KeySigner(case.fork.key)).note)
    slots.close()
    async with case.bench.open() as log:
        refused(Code.LOG_ROLLED_BACK, log.stopped)


def test_a_receipt_of_the_fork_does_not_verify_by_the_new_key(case: Case) -> None:
    assert verify(case.receipt, [case.old]).status == "checkpointed"  # who never heard of the change believes it
    with pytest.raises(FabricError) as caught:
        verify(case.receipt, [case.new])
    refused(Code.NOTE_INVALID, caught.value)


@pytest.mark.parametrize("names", [("new",), ("old", "new"), ("new", "old")])
def test_the_exported_fork_does_not_verify_from_the_anchors(case: Case, names: tuple[str, ...]) -> None:
    keys = [getattr(case, name) for name in names]
    assert verify_from_anchor(case.anchors, case.tiles, *keys).size == 5
    with pytest.raises(FabricError) as caught:
        verify_from_anchor(case.anchors, case.forged_tiles, *keys)
    refused(Code.NOTE_INVALID if names == ("new",) else Code.ANCHOR_MISMATCH, caught.value)


@pytest.mark.parametrize("names", [("new",), ("old", "new")])
async def test_a_fork_that_begins_with_all_that_was_anchored(
    case: Case, names: tuple[str, ...], tmp_path: Path
) -> None:
    """The former key signs on from the newest anchor: no entry is missing, but the signature is of the wrong key."""
    longer = tmp_path / "longer"
    shutil.copytree(case.bench.folder, longer)
    async with Bench(longer, key=HEIR).open() as log:
        await log.append(intended(""))
        await log.export(tmp_path / "longer-tiles")
        root = log.head.root
    path = tmp_path / "longer-tiles" / "checkpoint"
    keys = [getattr(case, name) for name in names]
    assert verify_from_anchor(case.anchors, tmp_path / "longer-tiles", *keys).size == 6
    path.write_text(sign_checkpoint(Checkpoint(case.bench.origin, 6, root), KeySigner(case.fork.key)).note)
    with pytest.raises(FabricError) as caught:
        verify_from_anchor(case.anchors, tmp_path / "longer-tiles", *keys)
    refused(Code.NOTE_INVALID if names == ("new",) else Code.ANCHOR_MISMATCH, caught.value)


def test_an_anchor_that_the_former_key_put_after_the_change(case: Case) -> None:
    forged = sign_checkpoint(Checkpoint(case.bench.origin, 6, leaf_hash(b"x")), KeySigner(case.fork.key))
    write(forged, case.anchors)
    for keys in ([case.new], [case.old, case.new]):
        with pytest.raises(FabricError) as caught:
            verify_from_anchor(case.anchors, case.tiles, *keys)
        refused(Code.NOTE_INVALID if keys == [case.new] else Code.ANCHOR_MISMATCH, caught.value)


def test_a_signature_by_a_given_key_that_fails_is_not_passed_over(case: Case) -> None:
    """Only what no given key claims to have signed may be left unread: a spoilt signature condemns the anchor."""
    second = sorted(case.anchors.iterdir())[1]
    lines = second.read_text().split("\n")
    lines[2] = lines[2][:5] + ("A" if lines[2][5] != "A" else "B") + lines[2][6:]
    second.write_text("\n".join(lines))
    with pytest.raises(FabricError) as caught:
        verify_from_anchor(case.anchors, case.tiles, case.new)
    refused(Code.NOTE_INVALID, caught.value)
