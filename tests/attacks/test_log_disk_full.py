"""The disk fills up: new work stops before it does, and what closes work in hand uses the room kept back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_action_id
from infrafabric.witness.limits import Limits
from infrafabric.witness.sqlite_store import RESERVE_BYTES, SqliteStore


class SmallDisk(SqliteStore):
    """A store whose database may not grow; what it gives up of its reserve, it may grow by."""

    def fill(self) -> None:
        pages = self._writer.execute("PRAGMA page_count").fetchone()[0]
        self._writer.execute(f"PRAGMA max_page_count={pages}")

    def release_reserve(self) -> None:
        super().release_reserve()
        self._writer.execute("PRAGMA max_page_count=1000000")


class NoDisk(SmallDisk):
    def release_reserve(self) -> None:
        pass


class NearlyFull(SqliteStore):
    free = 1 << 40

    def free_bytes(self) -> int:
        return self.free


async def test_new_work_stops_below_the_reserve(tmp_path: Path) -> None:
    bench = Bench(tmp_path, store_type=NearlyFull, limits=Limits())
    action = new_action_id()
    async with bench.open() as log:
        await log.append(intended(action))
        NearlyFull.free = Limits().disk_reserve_bytes - 1
        try:
            with pytest.raises(FabricError) as caught:
                await log.append(intended(action))
            assert caught.value.code is Code.DISK_FULL
            await log.append(closed(action))
        finally:
            NearlyFull.free = 1 << 40
        await log.append(intended(action))
        assert log.size == 3


async def test_a_full_disk_loses_nothing_and_closing_entries_still_go_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path, store_type=SmallDisk)
    action = new_action_id()
    async with bench.open() as log:
        assert (tmp_path / "log.db.reserve").stat().st_size == RESERVE_BYTES
        await log.append(intended(action))
        before = log.checkpoint()
        log._store.fill()  # type: ignore[attr-defined]
        with pytest.raises(FabricError) as caught:
            await log.append(*(intended(action, "change-" + "9" * 6000) for _ in range(5)))
        assert caught.value.code is Code.DISK_FULL
        assert log.checkpoint() == before
        log._store.fill()  # type: ignore[attr-defined]
        new, end = await asyncio.gather(
            log.append(*(intended(action, "change-" + "9" * 6000) for _ in range(5))),
            log.append(closed(action)),
            return_exceptions=True,
        )
        assert isinstance(new, FabricError)
        assert new.code is Code.DISK_FULL
        assert not isinstance(end, BaseException)
        assert end[0].index == 1
        assert not (tmp_path / "log.db.reserve").exists()
        await log.append(intended(action))
        assert [index for index, _, _ in log.entries(action)] == [0, 1, 2]
        assert (await log.audit_all()).problem == ""
    async with bench.open() as log:
        assert log.stopped is None
        assert log.size == 3


async def test_not_even_the_reserve_helps(tmp_path: Path) -> None:
    bench = Bench(tmp_path, store_type=NoDisk)
    action = new_action_id()
    async with bench.open() as log:
        await log.append(intended(action))
        log._store.fill()  # type: ignore[attr-defined]
        with pytest.raises(FabricError) as caught:
            await log.append(*(closed(action) for _ in range(200)))
        assert caught.value.code is Code.DISK_FULL
        assert log.stopped is None
        assert (await log.audit_all()).problem == ""


async def test_a_slot_that_cannot_be_written_stops_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    def broken() -> None:
        raise OSError("input/output error")

    async with bench.open() as log:
        await log.append(intended(""))
        log._slots._before_sync = broken
        for _ in range(2):
            with pytest.raises(FabricError) as caught:
                await log.append(intended(""))
            assert caught.value.code is Code.LOG_STOPPED
        assert log.size == 1
    async with bench.open() as log:
        assert (log.stopped, log.size) == (None, 2)
