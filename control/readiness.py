"""Whether a kernel that runs can do its work, part by part. A look changes nothing and asks no target for anything."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Any

from infrafabric.kernel.clock import moment
from infrafabric.kernel.ports import Health
from infrafabric.registry.trust_expiry import expiry_warning

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Part", "PartState", "Readiness", "look", "ready", "targets_of"]

HOLDS_S = 1.0
NEAR = 4
"""Room below so many times the log's reserve is told before it is gone."""


class PartState(StrEnum):
    UP = "up"
    IMPAIRED = "impaired"
    """It works, and not as it should, or not for long."""
    DOWN = "down"
    """Nothing can be done without it."""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    state: PartState
    said: str = ""
    """In a line, what is to be known of it. Names no talent and no target."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Readiness:
    """The parts, looked at at most once a second: anybody may ask whether a kernel is ready."""

    def __init__(self, house: House, now: Callable[[], float] = monotonic) -> None:
        self._house = house
        self._now = now
        self._looked = -HOLDS_S
        self._parts: tuple[Part, ...] = ()

    def parts(self) -> tuple[Part, ...]:
        now = self._now()
        if now - self._looked >= HOLDS_S:
            self._parts, self._looked = tuple(look(self._house)), now
        return self._parts


def ready(parts: Sequence[Part]) -> bool:
    """Whether actions can be done."""
    return all(part.state is not PartState.DOWN for part in parts)


def look(house: House) -> list[Part]:
    """All parts of a house that is open for acting, in a fixed order."""
    return [_kernel(house), _log(house), _disk(house), _clock(house), _sandbox(house), _trust(house), *_records(house)]


def targets_of(house: House, tenant: str) -> dict[str, Health]:
    """How drivers last found the targets of that tenant, the best of what several say."""
    found: dict[str, Health] = {}
    for driver in house.kernel.parts.drivers.values():
        for name, health in driver.health().items():
            fact = house.authority.get("target", name)
            if fact is not None and fact["tenant"] == tenant and (name not in found or health.state == "up"):
                found[name] = health
    return dict(sorted(found.items()))


def _kernel(house: House) -> Part:
    if house.kernel.stopping:
        return Part("kernel", PartState.DOWN, "it is stopping")
    return Part("kernel", PartState.UP, f"{len(house.kernel.under_way)} action(s) under way")


def _log(house: House) -> Part:
    stopped = house.log.stopped
    if stopped is not None:
        return Part("log", PartState.DOWN, f"it takes no entries: {stopped.code.value}")
    return Part("log", PartState.UP, f"{house.log.size} entries")


def _disk(house: House) -> Part:
    free = shutil.disk_usage(house.home.root).free
    reserve = house.settings.witness.disk_reserve_bytes
    said = f"{free >> 20} MiB are free, of which {reserve >> 20} MiB are kept back"
    if free < reserve:
        return Part("disk", PartState.DOWN, said)
    return Part("disk", PartState.IMPAIRED if free < NEAR * reserve else PartState.UP, said)


def _clock(house: House) -> Part:
    last = moment(house.log.entry(house.log.size - 1).parsed.at)
    ahead = (house.now() - last).total_seconds()
    limits = house.settings.witness
    if ahead < -limits.clock_back_s:
        return Part("clock", PartState.DOWN, f"it runs {-ahead:.0f} s before the log's last entry")
    if ahead > limits.clock_ahead_s:
        return Part("clock", PartState.DOWN, f"it runs {ahead / 86_400:.0f} days ahead of the log's last entry")
    return Part("clock", PartState.UP)


def _sandbox(house: House) -> Part:
    chassis = house.kernel.parts.chassis
    if chassis.closed:
        return Part("sandbox", PartState.DOWN, "it was closed")
    if not chassis.pids:
        return Part("sandbox", PartState.IMPAIRED, "no worker runs now; one is started when it is needed")
    load = chassis.standing
    said = f"{load.workers} worker(s) serve, {load.spares} are ready, {load.waiting} run(s) wait"
    if chassis.weaknesses:
        return Part("sandbox", PartState.IMPAIRED, f"{said}; weaker than usual: {'; '.join(chassis.weaknesses)}"[:300])
    return Part("sandbox", PartState.UP, said)


def _trust(house: House) -> Part:
    trusted, now = house.trusted, house.now()
    expires = f"the trust set expires at {trusted.trust.expires}"
    reached = expiry_warning(trusted, now)
    if reached is None:
        return Part("trust", PartState.UP, expires)
    if reached > 0:
        return Part("trust", PartState.IMPAIRED, f"{expires}, within {reached} day(s)")
    if house.grace is None or now >= house.grace.grace.until_at:
        return Part("trust", PartState.DOWN, f"the trust set expired at {trusted.trust.expires}")
    return Part("trust", PartState.IMPAIRED, f"the trust set expired; a grace holds until {house.grace.grace.until}")


def _records(house: House) -> Iterator[Part]:
    if house.authority.get("policy", "set") is None:
        yield Part("policies", PartState.DOWN, "none are in force, so that every action is denied")
    else:
        yield Part("policies", PartState.UP)
    stops = house.log.facts.scan("stop")
    if any(key.startswith("all") for key, _ in stops):
        yield Part("stops", PartState.DOWN, "all writes are halted")
    else:
        yield Part("stops", PartState.IMPAIRED if stops else PartState.UP, f"{len(stops)} stop(s) stand")
    cut = len(house.log.facts.scan("breaker"))
    yield Part("targets", PartState.IMPAIRED if cut else PartState.UP, f"{cut} breaker(s) are not closed")
