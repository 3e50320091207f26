"""Another hand edits the closed database: an audit names the first entry that is not what was logged."""

from __future__ import annotations

from pathlib import Path

import pytest
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_action_id
from infrafabric.witness.leaf import commitment, tokens
from infrafabric.witness.limits import Limits
from infrafabric.witness.merkle import leaf_hash

ACTION = new_action_id()


async def filled(tmp_path: Path) -> Bench:
    """A log of 600 entries, of which only the last ten are read at start."""
    bench = Bench(tmp_path, limits=Limits(disk_reserve_bytes=0, tail_entries=10))
    async with bench.open() as log:
        await log.append(intended(ACTION), closed(ACTION))
        await log.append(*(intended("") for _ in range(597)))
        await log.append(intended(new_action_id()))
    return bench


EDITS = {
    "leaf": ("UPDATE entry SET leaf=replace(leaf, 'effect', 'affect') WHERE i=300", 300),
    "body": ("UPDATE entry SET body=replace(body, 'change-1', 'change-2') WHERE i=300", 300),
    "salt": ("UPDATE entry SET salt=zeroblob(32) WHERE i=300", 300),
    "hash": ("UPDATE entry SET hash=zeroblob(32) WHERE i=300", 300),
    "body of another type": ("UPDATE entry SET body=CAST(body AS TEXT) WHERE i=300", 300),
    "action": ("UPDATE entry SET action='01999999-9999-7999-8999-999999999999' WHERE i=0", 0),
    "kind": ("UPDATE entry SET kind='action.refused' WHERE i=1", 1),
    "words": ("UPDATE entry SET target='vmix@elsewhere' WHERE i=300", 300),
    "actor": ("UPDATE entry SET actor='if://agent/b' WHERE i=300", 300),
    "body taken away": ("UPDATE entry SET body=NULL WHERE i=300", 300),
    "node": ("UPDATE node SET hash=zeroblob(32) WHERE level=8 AND i=1", 256),
    "row removed": ("DELETE FROM entry WHERE i=300", 300),
    "fact": ("UPDATE fact SET value=replace(value, 'action.closed', 'action.opened') WHERE table_name='last'", 1),
    "fact added": ("INSERT INTO fact VALUES ('open', 'zzz', CAST('1' AS BLOB), 5)", None),
    "sequence number": ("UPDATE actor SET seq=1", None),
}


@pytest.mark.parametrize("name", EDITS)
async def test_an_audit_names_the_first_bad_entry(tmp_path: Path, name: str) -> None:
    bench = await filled(tmp_path)
    statement, first_bad = EDITS[name]
    async with bench.open() as log:
        assert (await log.audit_all()).problem == ""
    bench.sql(statement)
    async with bench.open() as log:
        report = await log.audit_all()
        assert report.problem
        assert report.first_bad == first_bad
        with pytest.raises(FabricError) as caught:
            report.check()
        assert caught.value.code is Code.LOG_DAMAGED


async def test_a_leaf_with_its_hash_body_and_salt_forged_together(tmp_path: Path) -> None:
    bench = await filled(tmp_path)
    async with bench.open() as log:
        leaf = log.entry(0).parsed
    body = b'{"change":"change-9","effect":"cut","request":"GET /"}'
    _, token = tokens(bytes(16), commitment(b"f" * 32, body))
    forged = bytes(type(leaf)(leaf.action, leaf.actor, leaf.at, token, leaf.kind, leaf.nonce, leaf.seq))
    bench.sql("UPDATE entry SET leaf=?, hash=?, body=?, salt=? WHERE i=0", forged, leaf_hash(forged), body, b"f" * 32)
    async with bench.open() as log:
        for read in (lambda: log.entry(0), lambda: log.entries(ACTION)):
            with pytest.raises(FabricError) as caught:
                read()
            assert caught.value.code is Code.LOG_DAMAGED
        with pytest.raises(FabricError) as caught:
            await log.receipt(ACTION)
        assert caught.value.code is Code.LOG_DAMAGED
        assert (await log.audit()).problem


@pytest.mark.parametrize("column", ["leaf", "body", "hash"])
async def test_an_edit_is_found_when_the_entry_is_read(tmp_path: Path, column: str) -> None:
    bench = await filled(tmp_path)
    bench.sql(f"UPDATE entry SET {column}=zeroblob(32) WHERE i=1")  # noqa: S608 - a name from the list above
    async with bench.open() as log:
        with pytest.raises(FabricError) as caught:
            log.entries(ACTION)
        assert caught.value.code is Code.LOG_DAMAGED


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET body=replace(body, 'change-1', 'change-2') WHERE i=599",
        "UPDATE entry SET leaf=substr(leaf, 1, 40) WHERE i=599",
        "UPDATE entry SET hash=zeroblob(32) WHERE i=599",
        "DELETE FROM entry WHERE i=599",
        "UPDATE entry SET i=601 WHERE i=599",
        "UPDATE node SET hash=zeroblob(32) WHERE level=8 AND i=1",
        "UPDATE state SET size=599",
        "UPDATE state SET note=replace(note, '600', '601')",
        "UPDATE state SET origin='example.com/other'",
        "DELETE FROM state",
    ],
)
async def test_a_torn_or_edited_end_stops_the_log_at_start(tmp_path: Path, statement: str) -> None:
    bench = await filled(tmp_path)
    bench.sql(statement)
    async with bench.open() as log:
        assert log.stopped is not None
        for _ in range(2):
            with pytest.raises(FabricError) as caught:
                await log.append(intended(""))
            assert caught.value.code is Code.LOG_DAMAGED
        with pytest.raises(FabricError) as caught:
            await log.open_origin("example.com/second", "try to get round it")
        assert caught.value.code is Code.USAGE


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    bench = await filled(tmp_path)
    bench.database.write_bytes(b"not a database" * 1000)
    with pytest.raises(FabricError) as caught:
        bench.store()
    assert caught.value.code is Code.LOG_DAMAGED
