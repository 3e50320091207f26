"""How targets were found when a kernel last had to do with them: a small file in the home, `health.json`.

It is a note for people, not a record: no decision rests on it, a damaged or missing one means that nothing is known. It
holds no secret (drivers redact what they tell) and is replaced whole, by whoever holds the home's lock.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Driver, Health
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.names import product_of
from infrafabric.kernel.words.things import Target

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["CHECK_S", "Seen", "check_targets", "forget_health", "known_health", "note_drivers", "note_health", "noting"]

CHECK_S = 5.0
"""How long reaching one target may take."""
NOTE_S = 5.0
"""How often a running kernel looks whether there is something new to note."""
MAX_FILE = 1 << 20
LONGEST_MS = 1e9
_STATES = ("up", "connecting", "down", "refused")
_WORST = {"refused": 3, "down": 2, "connecting": 1, "up": 0}


@dataclass(frozen=True, slots=True)
class Seen:
    """A target's health, and when it was seen (RFC 3339, UTC)."""

    state: str
    detail: str
    latency_ms: float | None
    reconnects: int
    at: str

    @classmethod
    def now(cls, health: Health) -> Seen:
        latency = None if health.latency_ms is None else round(health.latency_ms, 3)
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return cls(health.state, health.detail, latency, health.reconnects, at)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def known_health(root: Path) -> dict[str, Seen]:
    """What the home in `root` noted, by target; empty where there is no note that can be read."""
    try:
        with (root / "health.json").open("rb") as file:
            data = json.loads(file.read(MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    found = data.get("targets") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        return {}
    return {name: seen for name, item in found.items() if (seen := _seen(item)) is not None}


def note_drivers(root: Path, drivers: Iterable[Driver], targets: Iterable[str]) -> None:
    """Note how `drivers` last found the targets that they had to do with.

    A target that one driver reached is up, whatever became of another's signals; what did not work is in the detail.
    """
    best: dict[str, Health] = {}
    for driver in drivers:
        for name, health in driver.health().items():
            known = best.setdefault(name, health)
            if _WORST[health.state] < _WORST[known.state]:
                best[name] = replace(health, detail=health.detail or known.detail)
            elif known is not health and not known.detail:
                best[name] = replace(known, detail=health.detail)
    note_health(root, {name: Seen.now(health) for name, health in best.items()}, targets)


@asynccontextmanager
async def noting(root: Path, drivers: Sequence[Driver], targets: Callable[[], Iterable[str]]) -> AsyncIterator[None]:
    """Keep the home's note while a kernel runs: every few seconds where something changed, and at the end."""
    task = asyncio.create_task(_keep_noting(root, drivers, targets))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        note_drivers(root, drivers, targets())


async def _keep_noting(root: Path, drivers: Sequence[Driver], targets: Callable[[], Iterable[str]]) -> None:
    noted: object = []
    while True:
        await asyncio.sleep(NOTE_S)
        found = [(name, one.state, one.detail, one.reconnects) for d in drivers for name, one in d.health().items()]
        if found != noted:
            noted = found
            note_drivers(root, drivers, targets())


def note_health(root: Path, found: Mapping[str, Seen], targets: Iterable[str]) -> None:
    """Add what was found to the home's note, and drop targets that are not in `targets` any more."""
    if found:
        kept = set(targets)
        _write(root, {name: seen for name, seen in {**known_health(root), **found}.items() if name in kept})


def forget_health(root: Path, target: str) -> None:
    """Drop what is noted of a target: it is another system now, or none."""
    known = known_health(root)
    if known.pop(target, None) is not None:
        _write(root, known)


async def check_targets(house: House, drivers: Mapping[str, Driver]) -> dict[str, Seen]:
    """Reach every target now, all at once, each within CHECK_S. Asks for nothing and alters nothing.

    A target that capabilities reach in different ways is as well as the worst of them. One for which no usable adapter
    is installed is left out.
    """
    usable = [row.manifest for row in house.registry.list() if row.reason is None and row.manifest is not None]
    targets = [house.authority.target(name) for name, _ in house.authority.scan("target")]
    checks = [(target, manifest) for target in targets for manifest in _ways(target, usable)]
    found = await asyncio.gather(*(_check(house, target, manifest, drivers) for target, manifest in checks))
    worst: dict[str, Health] = {}
    for (target, _), health in zip(checks, found, strict=True):
        known = worst.get(target.name)
        if known is None or _WORST[health.state] > _WORST[known.state]:
            worst[target.name] = health
    return {name: Seen.now(health) for name, health in worst.items()}


def _ways(target: Target, manifests: Iterable[Manifest]) -> list[Manifest]:
    """One manifest for each way in which the target's capabilities reach it."""
    ways: dict[str, Manifest] = {}
    for manifest in manifests:
        if product_of(manifest.id) == product_of(target.name):
            way = json.dumps([manifest.driver, manifest.base, manifest.as_json().get("connection")], sort_keys=True)
            ways.setdefault(way, manifest)
    return list(ways.values())


async def _check(house: House, target: Target, manifest: Manifest, drivers: Mapping[str, Driver]) -> Health:
    driver = drivers.get(manifest.driver)
    if driver is None:
        return Health("down", f"no driver {manifest.driver} is loaded")
    missing = [need for need in manifest.requires.settings if need not in target.settings]
    missing += [need for need in manifest.requires.secrets if need not in target.secrets]
    if missing:
        return Health("down", f"it lacks {', '.join(missing)}")
    try:
        secrets = await house.secrets.open({name: target.secrets[name] for name in manifest.requires.secrets}, target)
    except FabricError as error:
        return Health("down", house.redactor.redact(error.message))
    try:
        async with asyncio.timeout(CHECK_S):
            return await driver.check_health(manifest, target, secrets)
    except TimeoutError:
        return Health("down", f"no connection within {CHECK_S:g} s")


def _seen(item: object) -> Seen | None:
    if not isinstance(item, dict):
        return None
    state, detail, latency = item.get("state"), item.get("detail"), item.get("latency_ms")
    reconnects, at = item.get("reconnects"), item.get("at")
    if state not in _STATES or not isinstance(detail, str) or not isinstance(at, str) or type(reconnects) is not int:
        return None
    if latency is not None and (isinstance(latency, bool) or not isinstance(latency, (int, float))):
        return None
    if latency is not None and not 0 <= latency < LONGEST_MS:  # not NaN either, which JSON cannot hold
        return None
    return Seen(state, detail, latency, reconnects, at)


def _write(root: Path, known: Mapping[str, Seen]) -> None:
    text = json.dumps({"targets": {name: seen.as_json() for name, seen in sorted(known.items())}}, indent=2)
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".health.json.", dir=root)  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        Path(temporary).replace(root / "health.json")
    except OSError:  # a full disk must not turn an action that ended well into a failure for a note's sake
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink()
