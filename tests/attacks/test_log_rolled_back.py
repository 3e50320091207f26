"""The database is replaced by an older copy, cut, or emptied; the checkpoint beside it tells."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from log_bench import Bench, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from infrafabric.witness.merkle import leaf_hash
from infrafabric.witness.note import Verifier
from infrafabric.witness.signer import KeySigner
from infrafabric.witness.slots import SLOT_BYTES, Slots
from infrafabric.witness.store import Query


async def filled(bench: Bench, entries: int) -> None:
    async with bench.open() as log:
        for _ in range(entries):
            await log.append(intended(""))


async def stopped(bench: Bench) -> Code | None:
    async with bench.open() as log:
        error = log.stopped
        if error is not None:
            with pytest.raises(FabricError) as caught:
                await log.append(intended(""))
            assert caught.value.code is error.code
        return None if error is None else error.code


def put_back(bench: Bench, copy: Path) -> None:
    for path in bench.folder.glob("log.db*"):
        path.unlink()
    shutil.copy(copy, bench.database)


async def test_an_older_copy_stops_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await filled(bench, 3)
    copy = shutil.copy(bench.database, tmp_path / "copy")
    await filled(bench, 1)
    put_back(bench, Path(copy))
    assert await stopped(bench) is Code.LOG_ROLLED_BACK
    async with bench.open() as log:
        assert log.entry(2).body is not None
        assert (await log.audit_all()).problem == ""


async def test_an_older_copy_grown_past_the_checkpoint_by_another_hand(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await filled(bench, 3)
    copy = shutil.copy(bench.database, tmp_path / "copy")
    kept = shutil.copy(bench.slots, tmp_path / "kept")
    await filled(bench, 2)
    newest = shutil.copy(bench.slots, tmp_path / "newest")
    put_back(bench, Path(copy))
    shutil.copy(kept, bench.slots)
    await filled(bench, 7)
    shutil.copy(newest, bench.slots)
    assert await stopped(bench) is Code.LOG_ROLLED_BACK


async def test_a_log_begun_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await filled(bench, 3)
    bench.database.unlink()
    assert await stopped(bench) is Code.LOG_ROLLED_BACK


async def test_the_checkpoint_beside_it_taken_away(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await filled(bench, 3)
    bench.slots.unlink()
    assert await stopped(bench) is Code.LOG_ROLLED_BACK


@pytest.mark.parametrize("junk", [b"x" * (2 * SLOT_BYTES), b"x" * 100])
async def test_the_checkpoint_beside_it_overwritten(tmp_path: Path, junk: bytes) -> None:
    bench = Bench(tmp_path)
    await filled(bench, 3)
    bench.slots.write_bytes(junk)
    assert await stopped(bench) is Code.LOG_ROLLED_BACK


async def test_a_checkpoint_by_an_unknown_key_beside_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await filled(bench, 3)
    slots = Slots(bench.slots)
    stranger = KeySigner(SigningKey.generate())
    slots.write(sign_checkpoint(Checkpoint(bench.origin, 1, leaf_hash(b"x")), stranger).note)
    slots.close()
    assert await stopped(bench) is Code.LOG_ROLLED_BACK


async def test_a_torn_slot_leaves_the_other(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await filled(bench, 3)
    slots = Slots(bench.slots)
    newest = slots.read()
    slots.close()
    data = bytearray(bench.slots.read_bytes())
    at = data.index(str(newest).encode())
    data[at + 20] ^= 1
    bench.slots.write_bytes(data)
    slots = Slots(bench.slots)
    older = open_checkpoint(slots.read() or "", [Verifier(bench.origin, bench.key.public.raw)])
    slots.close()
    assert older.size == 2
    assert await stopped(bench) is None


async def test_an_operator_opens_a_new_origin_and_work_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await filled(bench, 3)
    copy = shutil.copy(bench.database, tmp_path / "copy")
    await filled(bench, 1)
    slots = Slots(bench.slots)
    lost = slots.read()
    slots.close()
    put_back(bench, Path(copy))
    async with bench.open() as log:
        for name, why, code in [
            ("example.com/test", "same name", Code.USAGE),
            ("two words", "bad name", Code.NAME_INVALID),
            ("example.com/second", "", Code.WHY_REQUIRED),
        ]:
            with pytest.raises(FabricError) as caught:
                await log.open_origin(name, why)
            assert caught.value.code is code
        opened = await log.open_origin("example.com/second", "the disk was restored from Monday's backup")
        assert (opened.index, log.origin, log.stopped) == (3, "example.com/second", None)
        (_, body), *_ = [(entry.index, entry.body) for entry in log.find(Query(kind="origin.opened"))]
        assert body is not None
        assert (body["before"], body["checkpoint"]) == ("example.com/test", lost)
        await log.append(intended(""))
        assert [log.entry(index).parsed.seq for index in (2, 3, 4)] == [3, 1, 1]
        assert (await log.audit_all()).problem == ""
        with pytest.raises(FabricError) as caught:
            await log.open_origin("example.com/third", "for no reason")
        assert caught.value.code is Code.USAGE
    assert await stopped(bench) is None
    async with bench.open() as log:
        assert log.origin == "example.com/second"


async def test_a_kernel_that_died_before_its_slot_was_written_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await filled(bench, 3)
    before = bench.slots.read_bytes()
    await filled(bench, 1)
    bench.slots.write_bytes(before)
    assert await stopped(bench) is None
    slots = Slots(bench.slots)
    assert open_checkpoint(slots.read() or "", [Verifier(bench.origin, bench.key.public.raw)]).size == 4
    slots.close()
