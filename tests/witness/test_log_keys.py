"""One key takes over the log from another: who signs when, who can verify what, and what an opened log goes on with."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, LogRekeyed
from infrafabric.kernel.words.names import new_action_id
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.anchor import verify_from_anchor
from infrafabric.witness.anchor import write as write_anchor
from infrafabric.witness.checkpoint import open_checkpoint
from infrafabric.witness.log import WitnessLog
from infrafabric.witness.note import Verifier
from infrafabric.witness.reading import LogReading
from infrafabric.witness.signer import KeySigner
from infrafabric.witness.verify import verify

HEIR = SigningKey.from_seed(bytes(range(1, 33)))
THIRD = SigningKey.from_seed(bytes(range(2, 34)))


def rekeyed(log: WitnessLog, change: str, former: SigningKey, heir: SigningKey, checkpoint: str = "") -> Entry:
    body = LogRekeyed.model_validate(
        {
            "change": change,
            "origin": log.origin,
            "vkey": str(Verifier(log.origin, heir.public.raw)),
            "former": str(Verifier(log.origin, former.public.raw)),
            "until": "2027-01-01T00:00:00Z",
            "why": "a test",
            "checkpoint": checkpoint,
        }
    )
    return Entry(Kind.LOG_REKEYED, body, actor="if://person/operator")


async def begin(log: WitnessLog, former: SigningKey, heir: SigningKey) -> None:
    await log.begin_rekey(KeySigner(heir), rekeyed(log, "begun", former, heir))


async def finish(log: WitnessLog, former: SigningKey, heir: SigningKey) -> None:
    await log.finish_rekey(rekeyed(log, "finished", former, heir, log.checkpoint()))


def vkey(bench: Bench, key: SigningKey) -> str:
    return str(Verifier(bench.origin, key.public.raw))


def verifies(note: str, bench: Bench, key: SigningKey) -> bool:
    try:
        open_checkpoint(note, [Verifier(bench.origin, key.public.raw)])
    except FabricError as error:
        assert error.code is Code.NOTE_INVALID
        return False
    return True


async def test_both_sign_from_the_beginning_of_the_change_to_its_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        notes = []
        await log.append(intended(""))
        notes.append(log.checkpoint())
        await begin(log, bench.key, HEIR)
        notes.append(log.checkpoint())
        await log.append(intended(""))
        notes.append(log.checkpoint())
        assert log.vkey == vkey(bench, HEIR)
        await finish(log, bench.key, HEIR)
        notes.append(log.checkpoint())
        await log.append(intended(""))
        notes.append(log.checkpoint())
        assert [verifies(note, bench, bench.key) for note in notes] == [True, True, True, True, False]
        assert [verifies(note, bench, HEIR) for note in notes] == [False, True, True, True, True]
        assert [str(key) for key in log.signing] == [vkey(bench, HEIR)]
        assert {str(key) for key in log.verifiers()} == {vkey(bench, bench.key), vkey(bench, HEIR)}
        (await log.audit_all()).check()


async def test_a_change_is_begun_and_finished_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        await log.append(intended(""))
        with pytest.raises(FabricError) as caught:
            await finish(log, bench.key, HEIR)
        assert caught.value.code is Code.USAGE
        await begin(log, bench.key, HEIR)
        with pytest.raises(FabricError) as caught:
            await begin(log, bench.key, THIRD)
        assert caught.value.code is Code.USAGE
        assert log.size == 2


async def test_a_change_that_is_not_recorded_does_not_begin(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        await log.append(intended(""))
        bench.now -= 3600
        with pytest.raises(FabricError) as caught:
            await begin(log, bench.key, HEIR)
        assert caught.value.code is Code.LOG_CLOCK
        bench.now += 3600
        await log.append(intended(""))
        assert not verifies(log.checkpoint(), bench, HEIR)


async def test_an_opened_log_goes_on_with_the_keys_that_signed_last(tmp_path: Path) -> None:
    bench = Bench(tmp_path, heir=HEIR)
    async with bench.open() as log:  # a key that was made, and no change began
        await log.append(intended(""))
        assert [key.public for key in log.signing] == [bench.key.public.raw]
        await begin(log, bench.key, HEIR)
    async with bench.open() as log:
        await log.append(intended(""))
        assert [key.public for key in log.signing] == [bench.key.public.raw, HEIR.public.raw]
        await finish(log, bench.key, HEIR)
    async with bench.open() as log:  # died before the former key was gone: the log says that it may go
        assert len(log.signing) == 2
        assert log.rekeyings()[0].change == "finished"
        await log.drop_former_key()
        await log.append(intended(""))
    async with bench.open() as log:
        assert [key.public for key in log.signing] == [HEIR.public.raw]
    bench.key, bench.heir = HEIR, None
    async with bench.open() as log:
        assert log.stopped is None
        await log.append(intended(""))
        (await log.audit_all()).check()


async def test_readers_beside_the_log_read_on_through_a_change(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        await log.append(intended(""))
        reading = LogReading.at(bench.database, bench.key.public.raw, HEIR.public.raw)
        assert reading.vkey == vkey(bench, bench.key)
        await begin(log, bench.key, HEIR)
        assert (reading.vkey, len(reading.signing)) == (vkey(bench, HEIR), 2)
        await finish(log, bench.key, HEIR)
        await log.append(intended(""))
        assert (reading.vkey, len(reading.signing)) == (vkey(bench, HEIR), 1)
        assert reading.checkpoint() == log.checkpoint()
        await reading.close()


async def test_receipts_and_proofs_of_the_overlap_verify_by_either_key_and_by_both(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    action = new_action_id()
    old, new = vkey(bench, bench.key), vkey(bench, HEIR)
    async with bench.open() as log:
        await log.append(intended(action), closed(action))
        before = await log.receipt(action)
        await begin(log, bench.key, HEIR)
        during, proof = await log.receipt(action), log.tlog_proof(0).encode()
        await finish(log, bench.key, HEIR)
        await log.append(intended(""))
        after = await log.receipt(action)
    for keys in ([old], [new], [old, new], [new, old]):
        assert verify(during, keys).action == action
        assert verify(proof, keys).origin == bench.origin
    assert verify(during, [old, new]).status == "checkpointed"
    for data, wrong in ((before, new), (after, old)):
        assert verify(data, [old, new]).action == action
        with pytest.raises(FabricError) as caught:
            verify(data, [wrong])
        assert caught.value.code is Code.NOTE_INVALID


async def test_who_holds_the_former_key_finds_the_new_one_in_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    old = vkey(bench, bench.key)
    async with bench.open() as log:
        await log.append(intended(""))
        with pytest.raises(FabricError) as caught:
            log.rekeying_proof()
        assert caught.value.code is Code.ENTRY_UNKNOWN
        await begin(log, bench.key, HEIR)
        await log.append(intended(""))
        proofs = [log.rekeying_proof()]
        await finish(log, bench.key, HEIR)
        for _ in range(5):
            await log.append(intended(""))
        proofs.append(log.rekeying_proof())
        for data in proofs:
            found = verify(data, [old])
            (entry,) = found.entries
            assert (found.form, found.action, entry.body and entry.body["vkey"]) == ("entry", "", vkey(bench, HEIR))
        await begin(log, HEIR, THIRD)
        (entry,) = verify(log.rekeying_proof(), [vkey(bench, HEIR)]).entries
        assert entry.body is not None
        assert entry.body["vkey"] == vkey(bench, THIRD)


async def test_what_was_anchored_and_exported_before_goes_on_after(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "log")
    bench.folder.mkdir()
    anchors, tiles = tmp_path / "anchors", tmp_path / "tiles"
    old, new = vkey(bench, bench.key), vkey(bench, HEIR)
    async with bench.open() as log:

        async def keep() -> int:
            await log.append(intended(""))
            await log.export(tiles)
            write_anchor(log.head, anchors)
            return log.size

        sizes = [await keep()]
        await begin(log, bench.key, HEIR)
        sizes.append(await keep())
        assert verify_from_anchor(anchors, tiles, old).anchors == tuple(sizes)
        await finish(log, bench.key, HEIR)
        sizes.append(await keep())
    for keys in ((old, new), (new, old)):
        report = verify_from_anchor(anchors, tiles, *keys)
        assert (report.anchors, report.unread) == (tuple(sizes), ())
    report = verify_from_anchor(anchors, tiles, new)
    assert (report.anchors, report.unread) == (tuple(sizes[1:]), (sizes[0],))
    with pytest.raises(FabricError) as caught:
        verify_from_anchor(anchors, tiles, old)
    assert caught.value.code is Code.NOTE_INVALID


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.sampled_from(["append", "begin", "finish", "settle", "open"]), max_size=14))
def test_whatever_the_order_the_home_verifies_its_own_checkpoints(steps: list[str]) -> None:
    """The key store is modelled as it changes: after each step the log is opened with what it holds then."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_walk(Bench(Path(folder)), steps))


async def _walk(bench: Bench, steps: list[str]) -> None:
    made = 1
    async with bench.open() as log:
        await log.append(intended(""))
    for step in steps:
        async with bench.open() as log:
            assert log.stopped is None
            signing = [key.public for key in log.signing]
            assert set(signing) <= {bench.key.public.raw, bench.heir.public.raw if bench.heir else b""}
            if step == "append":
                await log.append(intended(""))
            elif step == "begin" and len(signing) == 1 and signing[0] == bench.key.public.raw:
                made += 1
                bench.heir = SigningKey.from_seed(bytes([made]) * 32)
                await begin(log, bench.key, bench.heir)
            elif step == "finish" and len(signing) == 2 and bench.heir and log.rekeyings()[0].change == "begun":
                await finish(log, bench.key, bench.heir)
            elif step == "settle" and bench.heir:
                if len(signing) == 2 and log.rekeyings()[0].change == "finished":
                    await log.drop_former_key()
                    bench.key, bench.heir = bench.heir, None
                elif signing == [bench.heir.public.raw]:
                    bench.key, bench.heir = bench.heir, None
            note = log.checkpoint()
            signed = open_checkpoint(note, [Verifier(log.origin, key.public) for key in log.verifiers()])
            assert signed.size == log.size
            assert log.rekeyings() == [] or log.vkey == log.rekeyings()[0].vkey
            (await log.audit_all()).check()
