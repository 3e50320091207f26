from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from log_bench import Bench, closed, intended

from infrafabric.kernel.canonical import dumps, loads
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry, Log
from infrafabric.kernel.words.entries import Body, EffectIntended, KernelStopped, Kind
from infrafabric.kernel.words.names import new_action_id
from infrafabric.witness.checkpoint import open_checkpoint
from infrafabric.witness.leaf import Leaf
from infrafabric.witness.limits import Limits
from infrafabric.witness.log import WitnessLog
from infrafabric.witness.merkle import leaf_hash, verify_consistency, verify_inclusion
from infrafabric.witness.note import Verifier
from infrafabric.witness.reading import LogReading
from infrafabric.witness.store import Query


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def port(log: WitnessLog) -> Log:
    """mypy sees here that the log is what the kernel asks for."""
    return log


async def test_appended_entries_are_there_and_proven(bench: Bench) -> None:
    action = new_action_id()
    async with bench.open() as log:
        first = await port(log).append(intended(action), intended(action, "change-2"))
        second = await log.append(closed(action))
        assert [appended.index for appended in [*first, *second]] == [0, 1, 2]
        assert [appended.tree_size for appended in [*first, *second]] == [2, 2, 3]
        assert first[0].at == "2026-09-21T14:13:20.000Z"
        entries = log.entries(action)
        assert [(index, kind) for index, kind, _ in entries] == [
            (0, Kind.EFFECT_INTENDED),
            (1, Kind.EFFECT_INTENDED),
            (2, Kind.ACTION_CLOSED),
        ]
        assert entries[1][2] == loads(dumps(intended(action, "change-2").body.as_json()))
        head = open_checkpoint(log.checkpoint(), [Verifier.parse(log.vkey)])
        assert (head.size, head.origin) == (3, "example.com/test")
        for index in range(3):
            verify_inclusion(index, 3, leaf_hash(log.entry(index).leaf), log.inclusion(index), head.root)
        assert (await log.audit_all()).problem == ""


async def test_sequence_numbers_count_for_each_actor_also_after_a_restart(bench: Bench) -> None:
    async with bench.open() as log:
        await log.append(intended("", talent="if://agent/a"), intended("", talent="if://agent/b"))
        await log.append(intended("", talent="if://agent/a"))
    async with bench.open() as log:
        await log.append(intended("", talent="if://agent/b"), intended("", talent="if://agent/a"))
        leaves = [log.entry(index).parsed for index in range(5)]
    assert [leaf.seq for leaf in leaves] == [1, 1, 2, 2, 3]
    assert leaves[0].actor == leaves[2].actor == leaves[4].actor != leaves[1].actor == leaves[3].actor


async def test_many_appenders_share_commits_and_each_gets_its_own_proof(bench: Bench) -> None:
    async with bench.open() as log:
        verifier = Verifier.parse(log.vkey)

        async def append(number: int) -> int:
            (proven,) = await log.append_proven(intended("", f"change-{number + 1}"))
            head = open_checkpoint(proven.checkpoint, [verifier])
            verify_inclusion(proven.number, head.size, leaf_hash(proven.leaf), proven.proof, head.root)
            assert log.entry(proven.number).body == dumps(intended("", f"change-{number + 1}").body.as_json())
            return proven.number

        numbers = await asyncio.gather(*(append(number) for number in range(700)))
        assert sorted(numbers) == list(range(700))
        assert (await log.audit_all()).problem == ""


async def test_checkpoints_are_consistent_with_each_other(bench: Bench) -> None:
    chance = random.Random(7)  # noqa: S311 - sizes of batches
    async with bench.open() as log:
        verifier = [Verifier.parse(log.vkey)]
        notes = []
        for _ in range(25):
            await log.append(*(intended("") for _ in range(chance.choice([1, 2, 5, 60]))))
            notes.append(log.checkpoint())
        heads = [open_checkpoint(note, verifier) for note in notes]
        for old, new in zip(heads, heads[1:], strict=False):
            verify_consistency(old.size, new.size, old.root, new.root, log.consistency(old.size, new.size))


async def test_facts_are_read_as_soon_as_the_append_returns(bench: Bench) -> None:
    action = new_action_id()
    async with bench.open() as log:
        assert log.facts.get("last", action) is None
        await log.append(intended(action))
        assert log.facts.get("open", action) == 0
        await log.append(closed(action))
        assert log.facts.get("open", action) is None
        assert log.facts.scan("last")[0][1]["kind"] == "action.closed"
        assert [key for key, _ in log.facts.scan("last", action[:8])] == [action]
        assert log.facts.scan("last", "zz") == []


async def test_rebuilt_facts_are_the_same(bench: Bench) -> None:
    actions = [new_action_id() for _ in range(5)]
    async with bench.open() as log:
        for action in actions:
            await log.append(intended(action), closed(action))
        await log.append(intended(actions[0]))
        await log.append(closed(actions[0]))
        await log.erase(2, "asked for")
        before = {table: log.facts.scan(table) for table in ("last", "open")}
        assert await log.rebuild_facts() == sum(map(len, before.values()))
        assert {table: log.facts.scan(table) for table in ("last", "open")} == before


async def test_a_cancelled_caller_leaves_the_entry_in(bench: Bench) -> None:
    async with bench.open() as log:
        task = asyncio.create_task(log.append(intended("")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await log.append(intended(""))
        assert log.size == 2


async def test_a_watcher_gets_every_entry_in_order(bench: Bench) -> None:
    async with bench.open() as log:
        await log.append(intended("", "change-9"))
        watcher = log.watch()
        first = asyncio.ensure_future(anext(watcher))
        await asyncio.sleep(0)
        for number in range(1, 40):
            await log.append(intended("", f"change-{number}"))
        seen = [await first]
        for _ in range(38):
            seen.append(await anext(watcher))
        assert [index for index, _ in seen] == list(range(1, 40))
        assert seen[4][1] == intended("", "change-5")


async def test_a_watcher_ends_with_the_log(bench: Bench) -> None:
    async with bench.open() as log:
        waiting = asyncio.create_task(anext(log.watch(), None))
        await asyncio.sleep(0)
    assert await waiting is None


async def test_another_reader_sees_what_the_kernel_writes(bench: Bench) -> None:
    action = new_action_id()
    async with bench.open() as log:
        await log.append(intended(action))
        reading = LogReading.at(bench.database, bench.key.public.raw)
        assert reading.size == 1
        await log.append(closed(action))
        assert reading.checkpoint() == log.checkpoint()
        assert [kind for _, kind, _ in reading.entries(action)] == [Kind.EFFECT_INTENDED, Kind.ACTION_CLOSED]
        assert reading.facts.get("open", action) is None
        assert reading.vkey == log.vkey
        await reading.close()


async def test_queries(bench: Bench) -> None:
    actions = [new_action_id() for _ in range(3)]
    trace = "ab" * 16
    async with bench.open() as log:
        for position, action in enumerate(actions):
            bench.now += 1
            await log.append(
                intended(action, trace=trace if position != 1 else "", talent=f"if://agent/{position}"), closed(action)
            )
        await log.append(*(intended("", trace=f"{number:032x}") for number in range(1, 2100)))
        bench.now += 1
        await log.append(intended("", trace=trace))

        def found(query: Query) -> list[int]:
            return [entry.index for entry in log.find(query)]

        assert found(Query(trace=trace)) == [2105, 4, 0]
        assert found(Query(trace=trace, limit=2)) == [2105, 4]
        assert found(Query(action=actions[1])) == [3, 2]
        assert found(Query(kind="action.closed")) == [5, 3, 1]
        assert found(Query(talent="if://agent/2")) == [4]
        assert found(Query(capability="if://capability/vmix.switcher", limit=1)) == [5]
        assert found(Query(target="vmix@studio", limit=3)) == [2105, 2104, 2103]
        assert found(Query(target="vmix@elsewhere")) == []
        assert found(Query(kind="action.closed", since=int((bench.now - 1) * 1000))) == [5]
        assert found(Query(since=int(bench.now * 1000))) == [2105]
        assert found(Query(trace=trace, since=int((bench.now - 1) * 1000))) == [2105, 4]
        assert log.find(Query(action=actions[0]))[0].body == closed(actions[0]).body.as_json()
        with pytest.raises(FabricError) as caught:
            log.find(Query(limit=10_000))
        assert caught.value.code is Code.USAGE


async def test_what_cannot_be_an_entry_is_refused_and_harms_no_other(bench: Bench) -> None:
    bench.limits = Limits(disk_reserve_bytes=0, body_bytes=500)
    big = EffectIntended(change="change-1", effect="cut", request="x" * 600)
    async with bench.open() as log:
        for entry, code in [
            (Entry(Kind.EFFECT_INTENDED, big), Code.TOO_LARGE),
            (intended("not-an-action"), Code.NAME_INVALID),
            (Entry(Kind.EFFECT_INTENDED, KernelStopped(reason="x")), Code.INTERNAL),
            (Entry(Kind.EFFECT_INTENDED, Body()), Code.INTERNAL),
        ]:
            with pytest.raises(FabricError) as caught:
                await log.append(intended(""), entry)
            assert caught.value.code is code
        assert log.size == 0
        assert (await log.append())[:] == ()


async def test_a_fold_that_fails_refuses_only_its_own_entries(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fussy(entry: Entry, index: int, at: str) -> list[object]:
        if "change-7" in entry.body.as_json().get("change", ""):
            raise ZeroDivisionError("seven")
        return []

    monkeypatch.setattr("log_bench.project", fussy)
    async with bench.open() as log:
        results = await asyncio.gather(
            *(log.append(intended("", f"change-{n}")) for n in range(1, 10)), return_exceptions=True
        )
        failed = [result for result in results if isinstance(result, FabricError)]
        assert [error.code for error in failed] == [Code.INTERNAL]
        assert log.size == 8
        assert (await log.audit()).problem == ""


async def test_pending_bytes_are_bounded(bench: Bench) -> None:
    bench.limits = Limits(disk_reserve_bytes=0, pending_bytes=2000)
    async with bench.open() as log:
        results = await asyncio.gather(*(log.append(intended("")) for _ in range(20)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, FabricError)]
        assert refused
        assert {error.code for error in refused} == {Code.BUSY}
        assert log.size == 20 - len(refused)
        await log.append(intended(""))


async def test_batches_have_a_limit(bench: Bench) -> None:
    bench.limits = Limits(disk_reserve_bytes=0, batch_entries=10)
    async with bench.open() as log:
        results = await asyncio.gather(*(log.append(intended("")) for _ in range(35)))
        assert {appended[0].tree_size for appended in results} == {10, 20, 30, 35}


async def test_a_closed_log_takes_nothing(bench: Bench) -> None:
    async with bench.open() as log:
        await log.append(intended(""))
    with pytest.raises(FabricError) as caught:
        await log.append(intended(""))
    assert caught.value.code is Code.LOG_STOPPED
    await log.close()


async def test_an_empty_log(bench: Bench) -> None:
    async with bench.open() as log:
        assert (log.size, log.origin) == (0, "example.com/test")
        for ask in (log.checkpoint, lambda: log.entry(0)):
            with pytest.raises(FabricError) as caught:
                ask()
            assert caught.value.code is Code.ENTRY_UNKNOWN
    async with bench.open() as log:
        assert log.stopped is None


async def test_a_log_keeps_its_origin(bench: Bench) -> None:
    async with bench.open() as log:
        await log.append(intended(""))
    bench.origin = "example.com/renamed"
    async with bench.open() as log:
        assert log.origin == "example.com/test"
        assert Leaf.parse(log.entry(0).leaf).seq == 1


async def test_a_missing_log_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(FabricError) as caught:
        LogReading.at(tmp_path / "log.db", bytes(32))
    assert caught.value.code is Code.HOME_MISSING
    assert not (tmp_path / "log.db").exists()
