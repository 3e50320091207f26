"""The log's key is in other hands: its origin ends, and the home goes on under a new key and a new name."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from homes import Ifctl
from log_bench import Bench, intended

from infrafabric.control.home import Home
from infrafabric.control.house import open_house
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.keystore import Keystore
from infrafabric.keys.passphrase import Passphrase
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from infrafabric.witness.merkle import leaf_hash
from infrafabric.witness.note import Verifier
from infrafabric.witness.signer import KeySigner
from infrafabric.witness.store import Query

HEIR = SigningKey.from_seed(bytes(range(1, 33)))
NEXT_ORIGIN = "example.com/second"


async def ended(bench: Bench) -> str:
    """The last checkpoint of the old origin, after it was ended."""
    async with bench.open() as log:
        await log.append(intended(""), intended(""))
        last = log.checkpoint()
        await log.open_origin(NEXT_ORIGIN, "the disk was stolen", heir=KeySigner(HEIR), trusted=last)
    bench.key = HEIR
    return last


async def test_the_new_origin_names_the_old_one_and_its_last_checkpoints(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    last = await ended(bench)
    async with bench.open() as log:
        assert (log.stopped, log.origin, log.size) == (None, NEXT_ORIGIN, 3)
        assert log.vkey == str(Verifier(NEXT_ORIGIN, HEIR.public.raw))
        (entry,) = log.find(Query(kind="origin.opened"))
        assert entry.body is not None
        assert {name: entry.body[name] for name in ("before", "checkpoint", "trusted", "ended", "vkey")} == {
            "before": "example.com/test", "checkpoint": last, "trusted": last, "ended": True, "vkey": log.vkey,
        }  # fmt: skip
        assert (entry.index, entry.seq) == (2, 1)
        (await log.audit_all()).check()
        with pytest.raises(FabricError) as caught:
            await log.erase(2, "to forget how it began")
        assert caught.value.code is Code.ERASE_REFUSED


@pytest.mark.parametrize("origin", ["example.com/test", NEXT_ORIGIN])
async def test_the_stolen_key_signs_nothing_that_the_home_takes(tmp_path: Path, origin: str) -> None:
    bench = Bench(tmp_path)
    thief = KeySigner(bench.key)
    await ended(bench)
    forged = sign_checkpoint(Checkpoint(origin, 3, leaf_hash(b"x")), thief)
    with pytest.raises(FabricError) as caught:
        open_checkpoint(forged.note, [Verifier(NEXT_ORIGIN, HEIR.public.raw)])
    assert caught.value.code is Code.NOTE_INVALID
    bench.sql("UPDATE state SET origin = ?, note = ?", origin, forged.note)
    async with bench.open() as log:
        assert log.stopped is not None
        assert log.stopped.code is Code.LOG_DAMAGED


async def test_an_origin_is_ended_only_for_a_new_key_and_under_a_new_name(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        await log.append(intended(""))
        for origin, heir, code in [
            (NEXT_ORIGIN, None, Code.USAGE),  # with the key that it has: only after a rollback
            ("example.com/test", KeySigner(HEIR), Code.USAGE),
            ("two words", KeySigner(HEIR), Code.NAME_INVALID),
        ]:
            with pytest.raises(FabricError) as caught:
                await log.open_origin(origin, "x", heir=heir)
            assert caught.value.code is code
        await log.append(intended(""))
        assert (log.origin, log.signing[0].public) == ("example.com/test", bench.key.public.raw)


def test_by_ifctl_the_old_key_goes_and_what_operators_signed_is_void(vmix_home: Ifctl, tmp_path: Path) -> None:
    home, anchors = Home.open(vmix_home.home), tmp_path / "anchors"
    keys = Keystore(home.keys, Passphrase(environ={}), development=True)
    stolen, old = keys.public("log").raw, vmix_home.ok("witness", "vkey")["vkey"]
    vmix_home.ok("witness", "anchor", str(anchors))
    (vmix_home.home / "infrafabric.toml").write_text(f'[witness]\nanchors = ["{anchors}"]\n')
    size = vmix_home.ok("witness", "checkpoint")["size"]
    vmix_home.ok("target", "add", "vmix@b", "--why", "after the anchor")

    async def grant_record() -> list[str]:
        async with open_house(home, "reading", passphrase=Passphrase(environ={})) as house:
            return [house.authority.record("grant", key) for key, _ in house.reading.facts.scan("grant")]

    before = asyncio.run(grant_record())
    done = vmix_home.ok("witness", "end-origin", "example.org/next", "--why", "the disk was stolen")
    assert (done["origin"], done["former"], done["trusted"]) == ("example.org/next", old, size)
    assert done["vkey"] == vmix_home.ok("witness", "vkey")["vkey"]
    assert keys.public("log").raw != stolen
    assert not any(stolen in path.read_bytes() for path in home.keys.iterdir())
    assert [name for name in keys.names() if name.startswith("log")] == ["log"]

    assert before != [""]
    assert asyncio.run(grant_record()) == [""]
    assert vmix_home.ok("target", "list")["targets"] == []
    grant = ("talent", "grant", "--name", "operator", "--capability", "vmix.switcher", "--why", "a test")
    vmix_home.ok("target", "add", "vmix@studio-a", "--why", "set again")
    vmix_home.ok(*grant)
    # The same grant is another record: approvals that rested on the old one do not count for the new one.
    assert asyncio.run(grant_record()) not in ([""], before)
    assert vmix_home.ok("witness", "verify")["verified"] is True


def test_by_ifctl_only_the_logs_own_checkpoint_is_taken_as_the_last_trusted_one(
    bare_home: Ifctl, tmp_path: Path
) -> None:
    end = ("witness", "end-origin", "example.org/next", "--why", "x", "--trusted")
    other = Ifctl(tmp_path / "other")
    shutil.copytree(bare_home.home, other.home)
    bare_home.ok("target", "add", "vmix@a", "--why", "here")
    other.ok("target", "add", "vmix@b", "--why", "there")
    (tmp_path / "fork").write_text(other("witness", "checkpoint").stdout)
    (tmp_path / "text").write_text("no checkpoint")
    assert bare_home.refused(*end, str(tmp_path / "fork"))[1] == Code.ANCHOR_MISMATCH.value
    assert bare_home.refused(*end, str(tmp_path / "text"))[1] == Code.NOTE_INVALID.value
    assert bare_home.refused(*end, str(tmp_path / "none"))[1] == Code.FILE_UNREADABLE.value
    bare_home.ok("witness", "rotate-key", "--why", "x")
    assert bare_home.refused(*end[:-1])[1] == Code.USAGE.value  # a change is under way
    bare_home.ok("witness", "rotate-key", "--finish", "--why", "x")
    assert bare_home.ok(*end[:-1])["trusted"] is None
