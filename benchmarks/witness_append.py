"""How fast the log appends, against raw SQLite commits of the same bytes in the same run.

Each figure is given alone and with 10 ms added to every fsync. The log writes its checkpoint slot as well, so one
append is two fsyncs where a raw commit is one. `cpu_us` is the processor time of an append, the callers' side included.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import EffectIntended, Fact, Kind
from infrafabric.kernel.words.names import new_action_id, new_trace_id
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.checkpoint import open_checkpoint
from infrafabric.witness.log import WitnessLog
from infrafabric.witness.merkle import leaf_hash, verify_inclusion
from infrafabric.witness.note import Verifier
from infrafabric.witness.signer import KeySigner
from infrafabric.witness.slots import Slots
from infrafabric.witness.sqlite_store import SqliteStore

SECONDS = 1.6
"""Long enough that the raw database's WAL, which grows for its first thousand commits, has come to rest."""
ROUNDS = 5
"""Log and raw commits take turns, because disks and neighbours change; the round of the median ratio is given."""
SLOW_FSYNC_S = 0.010
ENTRIES_AN_ACTION = 7
"""As many as an action with one write leaves."""


def _no_facts(_entry: Entry, _index: int, _at: str) -> Iterator[Fact]:
    return iter(())


def _slow() -> None:
    time.sleep(SLOW_FSYNC_S)


@contextmanager
def _switching(interval: float) -> Iterator[None]:
    """The kernel process runs with a short switch interval; see docs/performance.md."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _entry(action: str) -> Entry:
    body = EffectIntended(
        talent="if://agent/bench", target="vmix@bench", trace=new_trace_id(), change="change-1", effect="cut",
        request="GET http://127.0.0.1:8088/api/?Function=Cut&Input=3",
    )  # fmt: skip
    return Entry(Kind.EFFECT_INTENDED, body, action, "if://agent/bench")


async def _log_rate(
    folder: Path, appenders: int, before_sync: Callable[[], None] | None, prove: bool
) -> dict[str, Any]:
    log = await WitnessLog.open(
        SqliteStore(folder / "log.db", before_sync=before_sync),
        Slots(folder / "slots", before_sync=before_sync),
        origin="example.com/bench",
        signer=KeySigner(SigningKey.generate()),
        pseudonym_key=os.urandom(32),
        project=_no_facts,
    )
    waits: list[float] = []
    end = time.perf_counter() + SECONDS

    async def appender() -> int:
        done = 0
        append = log.append_proven if prove else log.append
        while (start := time.perf_counter()) < end:
            if done % ENTRIES_AN_ACTION == 0:
                entry = _entry(new_action_id())
            await append(entry)
            waits.append(time.perf_counter() - start)
            done += 1
        return done

    began, worked = time.perf_counter(), time.process_time()
    done = sum(await asyncio.gather(*(appender() for _ in range(appenders))))
    elapsed, worked = time.perf_counter() - began, time.process_time() - worked
    (last,) = await log.append_proven(_entry(new_action_id()))
    head = open_checkpoint(last.checkpoint, [Verifier.parse(log.vkey)])
    verify_inclusion(last.number, head.size, leaf_hash(last.leaf), last.proof, head.root)
    stored = log.entry(0)
    width = len(stored.leaf) + len(stored.body or b"") + len(stored.salt or b"") + 32
    await log.close()
    waits.sort()
    return {
        "per_s": round(done / elapsed),
        "cpu_us": round(worked / done * 1e6, 1),
        "p50_ms": round(waits[len(waits) // 2] * 1000, 3),
        "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 3),
        "bytes": width,
    }


def _raw_rate(folder: Path, rows: int, width: int, before_sync: Callable[[], None] | None) -> float:
    """Rows a second of plain `sqlite3`, WAL, FULL, `rows` a commit."""
    db = sqlite3.connect(folder / "raw.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE raw (i INTEGER PRIMARY KEY, data BLOB)")
    data = os.urandom(width)
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        db.execute("BEGIN IMMEDIATE")
        if rows == 1:
            db.execute("INSERT INTO raw VALUES (?,?)", (done, data))
        else:
            db.executemany("INSERT INTO raw VALUES (?,?)", [(done + i, data) for i in range(rows)])
        if before_sync is not None:
            before_sync()
        db.execute("COMMIT")
        done += rows
    elapsed = time.perf_counter() - began
    db.close()
    return done / elapsed


def _pair(appenders: int, before_sync: Callable[[], None] | None, prove: bool) -> dict[str, Any]:
    rounds = sorted(
        (_round(appenders, before_sync, prove) for _ in range(ROUNDS)), key=lambda found: float(found["ratio"])
    )
    return {**rounds[ROUNDS // 2], "ratios": [found["ratio"] for found in rounds]}


def _round(appenders: int, before_sync: Callable[[], None] | None, prove: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            log = runner.run(_log_rate(Path(folder), appenders, before_sync, prove))
        raw = _raw_rate(Path(folder), appenders, int(log["bytes"]), before_sync)
    return {**log, "raw_per_s": round(raw), "ratio": round(log["per_s"] / raw, 3)}


def main() -> dict[str, Any]:
    """One appender, and a hundred that each get a proof; then both on a slow disk."""
    with _switching(0.0002):
        return {
            "one_appender": _pair(1, None, prove=False),
            "hundred_appenders_with_proof": _pair(100, None, prove=True),
            "one_appender_slow_fsync": _pair(1, _slow, prove=False),
            "hundred_appenders_with_proof_slow_fsync": _pair(100, _slow, prove=True),
        }


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
