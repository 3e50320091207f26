from __future__ import annotations

from pathlib import Path

import pytest
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_action_id
from infrafabric.witness.store import Query
from infrafabric.witness.verify import verify

MARK = "change-7777"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def on_disk(bench: Bench) -> bool:
    return any(MARK.encode() in path.read_bytes() for path in bench.folder.iterdir() if path.is_file())


async def test_an_erased_body_is_gone_from_the_disk_and_the_proofs_stay(bench: Bench) -> None:
    action = new_action_id()
    async with bench.open() as log:
        await log.append(*(intended("", f"change-{n}") for n in range(1, 300)))
        (entry,) = await log.append(intended(action, MARK, trace="cd" * 16))
        await log.append(closed(action))
        before = verify(await log.receipt(action), [log.vkey])
        assert on_disk(bench)
        erased = await log.erase(entry.index, "asked for", "if://person/p")
        assert not on_disk(bench)
        after = verify(await log.receipt(action), [log.vkey])
        assert (before.erased, after.erased) == ((), (entry.index,))
        assert after.entries[0].leaf == before.entries[0].leaf
        assert log.entries(action)[0][2] is None
        account = log.find(Query(kind="body.erased"))[0]
        assert (account.index, account.body) == (
            erased.index,
            {
                "tenant": "default",
                "talent": "if://person/p",
                "target": "",
                "trace": "",
                "index": entry.index,
                "why": "asked for",
                "action": "",
                "undone": "",
                "idempotency": "",
            },
        )
        assert log.find(Query(trace="cd" * 16)) == []
        report = (await log.audit_all()).check()
        assert (report.erased, report.size) == (1, 302)
    async with bench.open() as log:
        assert log.stopped is None
        assert not on_disk(bench)


async def test_a_large_body_is_gone_as_well(bench: Bench) -> None:
    action = new_action_id()
    async with bench.open() as log:
        (entry,) = await log.append(intended(action, MARK + "x" * 100_000 + MARK))
        await log.append(closed(action))
        await log.erase(entry.index, "asked for")
        assert not on_disk(bench)


async def test_facts_that_only_the_entry_set_go_with_it(bench: Bench) -> None:
    action = new_action_id()
    async with bench.open() as log:
        await log.append(intended(action))
        (end,) = await log.append(closed(action))
        assert log.facts.get("last", action) is not None
        await log.erase(end.index, "asked for")
        assert log.facts.get("last", action) is None
        assert (await log.audit_all()).problem == ""


async def test_what_may_not_be_erased(bench: Bench) -> None:
    action = new_action_id()
    async with bench.open() as log:
        await log.append(intended(action))
        await log.append(intended(""))
        account = await log.erase(1, "asked for")
        for index, why, code in [
            (0, "its action is open", Code.ERASE_REFUSED),
            (1, "again", Code.BODY_ERASED),
            (account.index, "hide it", Code.ERASE_REFUSED),
            (99, "not there", Code.ENTRY_UNKNOWN),
            (0, "  ", Code.WHY_REQUIRED),
        ]:
            with pytest.raises(FabricError) as caught:
                await log.erase(index, why)
            assert caught.value.code is code
        assert log.size == 3
