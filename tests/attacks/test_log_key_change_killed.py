"""kill -9 while the log's key changes, or its origin ends: the home opens, and knows every checkpoint for its own.

Each durable write of a change is one step. A copy of the home is taken before and after each, as a kernel that dies
there leaves it, and opened.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from homes import Ifctl

from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.log_keys import LOG, NEXT, begin_rekey, end_origin, finish_rekey
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.things import Talent
from infrafabric.keys import keystore
from infrafabric.keys.keyfile import Protection
from infrafabric.keys.passphrase import Passphrase
from infrafabric.witness.note import Verifier
from infrafabric.witness.reading import LogReading
from infrafabric.witness.slots import Slots
from infrafabric.witness.sqlite_store import SqliteStore

ORIGIN = "example.org/test"


class Copies:
    """Copies of a home, one before and one after each durable write while it is watched."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.taken: list[tuple[str, Path]] = []

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        self._around(patch, SqliteStore, "commit")
        self._around(patch, Slots, "write")
        self._around(patch, keystore, "replace_file")
        self._around(patch, keystore.Keystore, "remove")

    def _around(self, patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        write: Callable[..., object] = getattr(owner, name)

        def watched(*args: object) -> object:
            self.take(f"before {name}")
            result = write(*args)
            self.take(f"after {name}")
            return result

        patch.setattr(owner, name, watched)

    def take(self, when: str) -> None:
        copy = self.folder / f"{len(self.taken):02d}"
        shutil.copytree(self.home, copy, ignore=shutil.ignore_patterns("cache", "lock", "*-shm", "*.draft"))
        (copy / "cache").mkdir()
        self.taken.append((when, copy))


async def grow(house: House, why: str) -> None:
    await house.record(house.operator(new_trace_id()).talent(Talent(id="if://agent/a"), why))


async def opens(copy: Path, origins: set[str]) -> tuple[str, list[str]]:
    """Origin of a copied home and its keys, after it was opened for reading and for work, twice, and read whole."""
    home = Home.open(copy)
    async with open_house(home, "reading", passphrase=Passphrase(environ={})) as seen:
        before = seen.reading.checkpoint()  # raises what keeps it from being verified
        assert seen.reading.origin in origins
    for round_ in range(2):
        async with open_house(home, "operating", passphrase=Passphrase(environ={})) as house:
            assert house.log.stopped is None, house.log.stopped
            assert house.log.size >= int(before.split("\n")[1])
            await grow(house, f"round {round_} after the kernel died")
            (await house.log.audit_all()).check()
            reading = LogReading.at(home.log_file, *(key.public for key in house.log.signing))
            assert reading.checkpoint() == house.log.checkpoint()
            await reading.close()
            origin = house.log.origin
    return origin, [name for name in house.keystore.names() if name.startswith(LOG)]


async def work(house: House, what: str) -> None:
    if what == "begin":
        await begin_rekey(house, "a test", timedelta(days=30), new_trace_id())
    elif what == "finish":
        await finish_rekey(house, "a test", new_trace_id())
        await grow(house, "under the new key alone")
    elif what == "end":
        await end_origin(house, "example.org/next", "a test", None, new_trace_id())


@pytest.mark.parametrize("what", ["begin", "finish", "by itself", "end"])
async def test_a_kernel_that_dies_at_any_write_leaves_a_home_that_opens(
    what: str, bare_home: Ifctl, tmp_path: Path
) -> None:
    home = Home.open(bare_home.home)
    if what in ("finish", "by itself"):
        overlap = timedelta(days=30 if what == "finish" else 0)
        async with open_house(home, "operating", passphrase=Passphrase(environ={})) as house:
            await begin_rekey(house, "a test", overlap, new_trace_id())
    copies = Copies(home.root, tmp_path / "copies")
    with pytest.MonkeyPatch.context() as patch:
        if what == "by itself":
            copies.watch(patch)
        async with open_house(home, "operating", passphrase=Passphrase(environ={})) as house:
            if what != "by itself":
                copies.watch(patch)
            await work(house, what)
            patch.undo()
            if what == "by itself":
                assert len(house.log.signing) == 1
    names = [when for when, _ in copies.taken]
    assert {"before commit", "after commit", "after write", "after replace_file"} <= set(names), names
    found = [await opens(copy, {ORIGIN, "example.org/next"}) for _, copy in copies.taken]
    key_lists = [keys for _, keys in found]
    if what == "begin":
        assert key_lists[-1] == [LOG, NEXT]
    else:
        assert key_lists[-1] == [LOG]
    first, last = found[0][0], found[-1][0]
    assert (first, last) == (ORIGIN, "example.org/next" if what == "end" else ORIGIN)


def test_a_key_that_was_made_and_never_began_is_made_anew(bare_home: Ifctl) -> None:
    keys = keystore.Keystore(Home.open(bare_home.home).keys, Passphrase(environ={}), development=True)
    stray = keys.create(NEXT, Protection.NONE)
    before = bare_home.ok("witness", "vkey")["vkey"]
    assert bare_home.ok("target", "add", "vmix@b", "--why", "x")
    assert bare_home.ok("witness", "vkey")["vkey"] == before
    begun = bare_home.ok("witness", "rotate-key", "--why", "x")
    assert keys.public(NEXT).raw == Verifier.parse(begun["vkey"]).public != stray.public.raw
    assert begun["former"] == before


def test_a_new_key_that_was_lost_is_told_of_and_the_change_begins_again(bare_home: Ifctl) -> None:
    before = bare_home.ok("witness", "vkey")["vkey"]
    lost = bare_home.ok("witness", "rotate-key", "--why", "x")["vkey"]
    (bare_home.home / "keys" / f"{NEXT}.key").unlink()
    told = bare_home("target", "add", "vmix@b", "--why", "x")
    assert told.exit_code == 0
    assert f"the key {NEXT}" in told.stderr
    assert bare_home.refused("witness", "rotate-key", "--finish", "--why", "x")[1] == Code.USAGE.value
    again = bare_home.ok("witness", "rotate-key", "--why", "the new key was lost")
    assert (again["former"], again["vkey"] == lost) == (before, False)
    bare_home.ok("witness", "rotate-key", "--finish", "--why", "x")
    assert bare_home.ok("witness", "vkey")["vkey"] == again["vkey"]
    assert bare_home.ok("witness", "verify")["verified"] is True
