"""Looking whether everything is in order. A look says what it saw, changes nothing and stops no other."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from infrafabric.control.anchoring import anchored
from infrafabric.control.component_cache import component_cache
from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.log_keys import log_publics
from infrafabric.control.log_time import log_time
from infrafabric.control.opening_log import log_limits
from infrafabric.control.policies import (
    LOAD,
    LOAD_SHIPPED,
    differences,
    has_working_copy,
    in_force,
    working_copy,
)
from infrafabric.control.settings import Settings, load_settings
from infrafabric.control.starting import chassis_settings, load_drivers, load_plugins
from infrafabric.control.stopping import standing_stops
from infrafabric.kernel.chassis.chassis import Chassis
from infrafabric.kernel.chassis.kept import KeptComponents
from infrafabric.kernel.chassis.program import COMPONENT_FILE
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Driver
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.names import product_of
from infrafabric.keys.keystore import Keystore
from infrafabric.keys.passphrase import Passphrase
from infrafabric.policy.cedar import load_policies
from infrafabric.registry.trust_expiry import expiry_warning
from infrafabric.witness.slots import Slots
from infrafabric.witness.sqlite_reader import SqliteReader
from infrafabric.witness.startup import examine

__all__ = ["Look", "State", "examine_all"]


class State(StrEnum):
    GOOD = "good"
    NOTE = "note"
    """Not as it could be, and no fault."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw. `remedy` is there where something is to be done."""

    what: str
    state: State
    said: str
    remedy: str = ""


async def examine_all(
    root: Path, passphrase: Passphrase, tell: Callable[[str], None] = lambda text: None
) -> list[Look]:
    """All looks at this machine and at the home in `root`."""
    looks = [_python(), _component()]
    try:
        home = Home.open(root)
        settings = load_settings(home.settings_file)
    except FabricError as error:
        return [*looks, _bad("home", error)]
    looks += [_home(home), *_keys(home), _disk(home, settings), _kept(home, settings)]
    looks.append(_log(home, settings))
    tell("starting the sandbox")
    looks.append(await _sandbox(home, settings, passphrase, tell))
    try:
        async with open_house(home, "reading", passphrase=passphrase) as house:
            looks += [
                _trust(house),
                _clock(house),
                *_anchors(house),
                *_actions(house),
                *_stops(house),
                _policies(house),
                *_bundles(house),
            ]
            async with _drivers(house) as drivers:
                looks += [look async for look in _targets(house, drivers)]
    except FabricError as error:
        looks.append(_bad("house", error))
    return looks


def _python() -> Look:
    return Look("python", State.GOOD, f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")


def _component() -> Look:
    if not COMPONENT_FILE.is_file():
        return Look("component", State.BAD, f"{COMPONENT_FILE.name} is missing", "Reinstall: the build makes it.")
    return Look("component", State.GOOD, f"{COMPONENT_FILE.name}, {COMPONENT_FILE.stat().st_size >> 20} MiB")


def _home(home: Home) -> Look:
    said = f"{home.root}, {home.kind}, format {home.format}"
    if os.name == "posix" and home.root.stat().st_mode & 0o077:
        return Look("home", State.BAD, f"{said}: others may enter it", f"chmod 700 {home.root}")
    if home.is_development:
        return Look("home", State.NOTE, f"{said}: its keys lie unprotected")
    return Look("home", State.GOOD, said)


def _keys(home: Home) -> Iterator[Look]:
    store = Keystore(home.keys, Passphrase(environ={}), development=home.is_development)
    try:
        names = store.names()
        for name in names:
            store.describe(name)
    except FabricError as error:
        yield _bad("keys", error)
        return
    missing = {"operator", "log", "vault"} - set(names)
    if missing:
        yield Look("keys", State.BAD, f"missing: {', '.join(sorted(missing))}", "Restore them from your backup.")
    elif not home.is_development and any(name.partition("-")[0] == "root" for name in names):
        yield Look("keys", State.BAD, "a root key lies in this production home", "Export it and keep it apart.")
    else:
        yield Look("keys", State.GOOD, ", ".join(names))


def _disk(home: Home, settings: Settings) -> Look:
    free, reserve = shutil.disk_usage(home.root).free, settings.witness.disk_reserve_bytes
    said = f"{free >> 20} MiB free, {reserve >> 20} kept back for the log"
    if free < reserve:
        return Look("disk", State.BAD, said, "Free some space; no new work is taken until then.")
    return Look("disk", State.NOTE if free < 4 * reserve else State.GOOD, said)


def _kept(home: Home, settings: Settings) -> Look:
    most = settings.sandbox.keep_components
    sizes = KeptComponents(home.components, most).sizes()
    said = f"{len(sizes)} kept for replays, {sum(sizes.values()) >> 20} MiB; the newest {most} stay"
    return Look("components", State.GOOD, said)


def _log(home: Home, settings: Settings) -> Look:
    """The end of the log against its checkpoint and the one kept beside it; under the lock, or the two may differ."""
    lock = home.lock
    try:
        lock.acquire(0)
    except FabricError:
        return Look("log", State.NOTE, f"{lock.holder()} has the home open and looks after the log itself")
    try:
        publics = log_publics(Keystore(home.keys, Passphrase(environ={})))
        slots = Slots(home.slots_file)
        reader = SqliteReader(home.log_file)
        try:
            start = examine(reader, slots, home.origin, publics, log_limits(settings))
        finally:
            reader.close()
            slots.close()
    except FabricError as error:
        return _bad("log", error)
    finally:
        lock.release()
    if start.stopped is not None:
        return _bad("log", start.stopped)
    said = f"{start.frontier.size} entries of {start.origin}; its end was read again"
    if start.head is not None and len(start.head.keys) > 1:
        return Look("log", State.NOTE, f"{said}; its key is being changed, `ifctl witness vkey` says until when")
    return Look("log", State.GOOD, said)


async def _sandbox(home: Home, settings: Settings, passphrase: Passphrase, tell: Callable[[str], None]) -> Look:
    try:
        key = Keystore(home.keys, passphrase, development=home.is_development).load("log")
        async with await Chassis.start(
            chassis_settings(*component_cache(home, key), settings), progress=tell
        ) as chassis:
            given_up = ", ".join(chassis.confinement) or "nothing"
            if chassis.weaknesses:
                return Look("sandbox", State.NOTE, f"workers gave up {given_up}; but {'; '.join(chassis.weaknesses)}")
            return Look("sandbox", State.GOOD, f"workers gave up {given_up}")
    except FabricError as error:
        if error.code is Code.PASSPHRASE_REQUIRED:
            return Look("sandbox", State.NOTE, "not tried: that takes the passphrase")
        return _bad("sandbox", error)


def _trust(house: House) -> Look:
    trust = house.trusted.trust
    said = f"version {trust.version}, expires {trust.expires}"
    now, renew = datetime.now(UTC), 'ifctl trust renew --why "…"'
    reached = expiry_warning(house.trusted, now)
    if house.grace is not None:
        said = f"{said}; a grace until {house.grace.grace.until} covers {len(house.grace.grace.covers)} bundle(s)"
    if reached == 0:
        return Look("trust", State.BAD, f"{said}: it has expired", renew)
    if house.grace_fault is not None:
        return Look("trust", State.BAD, f"{said}; its grace does not count: {house.grace_fault.message}", renew)
    if reached is not None:
        return Look("trust", State.NOTE, f"{said}: within {reached} day(s)", renew)
    return Look("trust", State.GOOD, said)


def _clock(house: House) -> Look:
    seen = log_time(house)
    if seen.refusal is not None:
        return _bad("clock", seen.refusal)
    return Look("clock", State.GOOD, f"{seen.now}, in accord with the log")


def _anchors(house: House) -> Iterator[Look]:
    for folder in house.settings.witness.anchors:
        what = f"anchors {folder}"
        try:
            size, of = anchored(folder, house.settings.witness, house.reading)
        except FabricError as error:
            yield _bad(what, error)
        else:
            yield Look(what, State.GOOD, f"the first {size} of {of} entries are anchored")


def _actions(house: House) -> Iterator[Look]:
    doubtful = sorted({key.partition(" ")[0] for key, _ in house.reading.facts.scan("doubt")})
    if doubtful:
        said = f"not closed: {', '.join(doubtful[:5])}"
        yield Look("actions", State.BAD, said, "Look at the target, then `ifctl capability close ACTION …`.")
    else:
        yield Look("actions", State.GOOD, "none is in doubt")


def _stops(house: House) -> Iterator[Look]:
    try:
        standing = standing_stops(house)
    except FabricError as error:
        yield _bad("stops", error)
        return
    for stop in standing:
        lift = f'ifctl resume --{stop.what} --why "…"'
        yield Look(
            "stops", State.NOTE, f"writes are halted ({stop.what}) by {stop.by} since {stop.at}: {stop.why}", lift
        )
    if not standing:
        yield Look("stops", State.GOOD, "no writes are halted")


def _policies(house: House) -> Look:
    load = LOAD if has_working_copy(house.home) else LOAD_SHIPPED
    files = in_force(house)
    if not files:
        said = "none that a present operator signed is in force: everything is denied"
        return Look("policies", State.BAD, said, load)
    try:
        said = f"{len(load_policies(files).rules)} in force"
        differs = differences(working_copy(house), files)
    except FabricError as error:
        return _bad("policies", error)
    if differs:
        changed = ", ".join(f"{name} {how}" for name, how in differs.items())
        return Look("policies", State.NOTE, f"{said}; the working copy is not: {changed}", load)
    return Look("policies", State.GOOD, said)


def _bundles(house: House) -> Iterator[Look]:
    rows = house.registry.list()
    usable = [row for row in rows if row.reason is None]
    yield Look("adapters", State.GOOD, f"{len(usable)} of {len(rows)} installed or allowed bundles are usable")
    allowed = set(house.trusted.trust.allow.values())
    for row in rows:
        if row.reason is not None and row.digest in allowed and row.reason.code is not Code.DIGEST_REVOKED:
            yield _bad(f"adapter {row.id.rpartition('/')[2]}", row.reason)


async def _targets(house: House, drivers: dict[str, Driver]) -> AsyncIterator[Look]:
    usable = [row.manifest for row in house.registry.list() if row.reason is None and row.manifest is not None]
    for name, _ in house.authority.scan("target"):
        manifests = [manifest for manifest in usable if product_of(manifest.id) == product_of(name)]
        if not manifests:
            yield Look(f"target {name}", State.NOTE, "no usable adapter for it is installed")
        for manifest in manifests[:1]:
            yield await _target(house, name, manifest, drivers)


async def _target(house: House, name: str, manifest: Manifest, drivers: dict[str, Driver]) -> Look:
    what = f"target {name}"
    try:
        target = house.authority.target(name)
        missing = [need for need in manifest.requires.settings if need not in target.settings]
        missing += [need for need in manifest.requires.secrets if need not in target.secrets]
        if missing:
            return Look(what, State.BAD, f"lacks {', '.join(missing)}", "`ifctl target set` gives it.")
        driver = drivers.get(manifest.driver)
        if driver is None:
            raise FabricError(Code.DRIVER_UNKNOWN, f"no driver {manifest.driver} is loaded")
        where = await driver.address(manifest, target)
    except FabricError as error:
        return _bad(what, error)
    shown = ", ".join(f"{key} {value}" for key, value in where.items())
    return Look(what, State.GOOD, f"{shown}; nothing was sent to it")


@asynccontextmanager
async def _drivers(house: House) -> AsyncIterator[dict[str, Driver]]:
    drivers = load_drivers(load_plugins(house.settings.extensions), house.settings.drivers, house.redactor)
    try:
        yield drivers
    finally:
        for driver in drivers.values():
            await driver.close()


def _bad(what: str, error: FabricError) -> Look:
    return Look(what, State.BAD, str(error), error.remedy)
