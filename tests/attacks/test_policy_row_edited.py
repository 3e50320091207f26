"""Another hand edits the policies in the database under an open log: without the operator's key they are not believed;
all is denied. (A log that is opened after such an edit is refused.)"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from policies import PERMIT

from infrafabric.control.operator import Operator
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.keys.signing import SigningKey
from infrafabric.policy.files import digest_of

if TYPE_CHECKING:
    from world import World


def edit(world: World, value: dict[str, Any] | None) -> dict[str, Any]:
    """Put `value` where the policies in force stand, past the kernel; what stood there."""
    with closing(sqlite3.connect(world.home.log_file)) as database:
        where = "WHERE table_name='policy' AND key='set'"
        ((stored,),) = database.execute(f"SELECT value FROM fact {where}").fetchall()
        if value is None:
            database.execute(f"DELETE FROM fact {where}")
        else:
            database.execute(f"UPDATE fact SET value=? {where}", (json.dumps(value, sort_keys=True).encode(),))
        database.commit()
    found: dict[str, Any] = json.loads(stored)
    return found


async def test_a_set_that_no_operator_signed_allows_nothing(world: World) -> None:
    files = {"open.cedar": PERMIT}
    async with world.opened() as house:
        former = edit(world, None)
        forged = {**former, "files": files, "digest": digest_of(files)}
        with closing(sqlite3.connect(world.home.log_file)) as database:
            (names,) = [[row[1] for row in database.execute("PRAGMA table_info(fact)")]]
            row = {"table_name": "policy", "key": "set", "value": json.dumps(forged, sort_keys=True).encode()}
            filled = [row.get(name, 0) for name in names]
            database.execute(f"INSERT INTO fact VALUES ({', '.join('?' * len(names))})", filled)
            database.commit()
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.REFUSED
    assert report.error is not None and "policies/none" in report.error.message
    assert world.peer.writes == []


async def test_a_set_with_one_policy_taken_out_allows_nothing(world: World) -> None:
    with closing(sqlite3.connect(world.home.log_file)) as database:
        ((stored,),) = database.execute("SELECT value FROM fact WHERE table_name='policy'").fetchall()
    former: dict[str, Any] = json.loads(stored)
    milder = {name: text.replace('@id("live-output")', '@id("live-outputs")') for name, text in former["files"].items()}
    assert milder != former["files"]
    async with world.opened() as house:
        edit(world, {**former, "files": milder, "digest": digest_of(milder)})
        assert house.authority.get("policy", "set") is None
        report = await house.kernel.act(world.lamps(hall=True))
    assert report.outcome is Outcome.REFUSED
    assert world.peer.writes == []


async def test_a_set_that_a_stranger_signed_allows_nothing(world: World) -> None:
    files = {"open.cedar": PERMIT}
    async with world.opened() as house:
        stranger = Operator(SigningKey(b"\x07" * 32), house.log.origin, new_trace_id())
        await house.record(stranger.policy(digest_of(files), files, "mine now"))
        assert house.authority.get("policy", "set") is None
        report = await house.kernel.act(world.lamps(hall=True))
        assert report.outcome is Outcome.REFUSED
        await house.record(house.operator(new_trace_id()).policy(digest_of(files), files, "taken back"))
        again = await house.kernel.act(world.lamps(hall=True))
    assert again.outcome is Outcome.CONVERGED
    assert world.peer.writes == ["POST /lamps/hall"]
