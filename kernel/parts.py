"""The parts that the road needs, and one action's way along it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from infrafabric.kernel.ask import Ask
from infrafabric.kernel.authority import Authority
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.chassis.chassis import Chassis
from infrafabric.kernel.chassis.program import Program
from infrafabric.kernel.clock import AccountedClock
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import (
    Answer,
    Approvals,
    Breakers,
    Budgets,
    Capability,
    Driver,
    DriverCall,
    Entry,
    Governor,
    Guard,
    Log,
    Registry,
    Scanner,
    Stops,
)
from infrafabric.kernel.ports import Secrets as SecretsPort
from infrafabric.kernel.questions import Questions
from infrafabric.kernel.stations import OnStation, Station
from infrafabric.kernel.words.attempts import Attempted
from infrafabric.kernel.words.entries import Body, Kind
from infrafabric.kernel.words.manifest import Effect
from infrafabric.kernel.words.policy import Spending
from infrafabric.kernel.words.things import Talent, Target

__all__ = ["Halt", "Journey", "KernelLimits", "Parts", "program_of", "provider_key", "to_the_end"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KernelLimits:
    """The road's own limits. Each default is a decision; `infrafabric.toml` can change it."""

    plan_fresh_s: float = 1.0
    """An older plan is made again before it is applied: a studio's state rarely outlives a second unseen."""
    intent_bytes: int = 64 << 10
    """An intent is what a person or a script asks for, not a file."""
    wait_s: float = 60.0
    """What an adapter's `apply` may wait in all, so that a target is not held for ever."""
    poll_first_s: float = 0.02
    """First pause before looking again while a change settles; doubled up to `poll_most_s`."""
    poll_most_s: float = 0.5
    read_runs: int = 200
    """Times that a settling state is looked at: bounds the verification of one action."""
    retry_s: float = 10.0
    """From the first attempt at a write to the last: what comes later was meant for another moment. 0: no repeats."""
    open_per_talent: int = 20
    """Questions to people that one talent may have open: one more ends its oldest."""


@dataclass(slots=True)
class Parts:
    """Everything behind the ports, as `control/` wired it."""

    registry: Registry
    guard: Guard
    governor: Governor
    approvals: Approvals
    budgets: Budgets
    breakers: Breakers
    stops: Stops
    log: Log
    authority: Authority
    drivers: Mapping[str, Driver]
    secrets: SecretsPort
    redactor: Scanner
    chassis: Chassis
    limits: KernelLimits = field(default_factory=KernelLimits)
    stations: tuple[OnStation, ...] = ()
    attempts: Mapping[str, Any] = field(default_factory=dict)
    """By name, what extensions add to `falsify.attempts.ATTEMPTS`; each is a `falsify.case.Attempt`."""
    questions: Questions = field(default_factory=Questions)
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = field(default_factory=AccountedClock)
    """UTC, for what expires."""
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals that are counted rather than logged one by one; see `count`."""

    def count(self, code: Code, talent: str) -> None:
        """Count a refusal. Whoever makes up names fills one row and not the memory."""
        cause = f"{code.value} {talent[:200]}"
        if cause not in self.refused and len(self.refused) >= MOST_COUNTED:
            cause = f"{code.value} others"
        self.refused[cause] += 1

    def masked(self, error: FabricError) -> FabricError:
        """`error` without secrets: a driver or extension that nobody here wrote may have put some into its words."""
        if not self.redactor.found(f"{error.message}\n{error.remedy}"):
            return error
        message, remedy = self.redactor.redact(error.message), self.redactor.redact(error.remedy)
        return FabricError(error.code, message, remedy=remedy, retry_after=error.retry_after)

    def driver(self, name: str) -> Driver:
        driver = self.drivers.get(name)
        if driver is None:
            raise FabricError(Code.DRIVER_UNKNOWN, f"no driver {name} is loaded")
        return driver


MOST_COUNTED = 1_000
"""Causes counted apart: they go into one entry."""


@dataclass(slots=True)
class Halt:
    """Whether an action is to stop before its next write: its asker has gone, or someone cancelled it."""

    asked: bool = False
    by: str = ""
    """Talent that cancelled it; "" where the asker went away."""
    why: str = ""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self, by: str = "", why: str = "") -> None:
        """Let the action stop before its next write. Who comes first is named."""
        if not self.asked:
            self.asked, self.by, self.why = True, by, why
        self._stopped.set()
        self._woken.set()

    async def stopped(self) -> None:
        """Return when the action is to stop."""
        await self._stopped.wait()

    def wake(self) -> None:
        """End the pause that is under way, so that what was halted meanwhile is seen at once."""
        self._woken.set()

    async def rest(self, seconds: float, news: Coroutine[Any, Any, None] | None = None) -> None:
        """Let `seconds` pass; less where the action is to stop, or where `news` come. Raises what `news` raises."""
        waits: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._woken.wait())}
        if news is not None:
            waits.add(asyncio.ensure_future(news))
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if not self.asked:
            self._woken.clear()
        for one in done:
            one.result()


@dataclass(slots=True)
class Journey:
    """One action under way: who asked for what, with what it will be done, and how far it has come."""

    parts: Parts
    ask: Ask
    action: str
    talent: Talent
    target: Target
    capability: Capability
    program: Program
    driver: Driver
    secrets: Mapping[str, str] = field(repr=False)
    records: tuple[str, ...] = ()
    """Digests of the operator's records that it rests on: talent, target, grants."""
    expires: str = ""
    """RFC 3339: when the grant that it goes by ends; "" where it has no end."""
    watcher: OnStation | None = None
    halt: Halt = field(default_factory=lambda: Halt())
    scanned: bool = False
    """Whether the intent was looked through for the target's secrets."""
    reserved: Spending | None = None
    """What was set aside for it in the budgets."""
    attempts: tuple[Attempted, ...] = ()
    """What was tried to refute the plan."""
    due: float | None = None
    """Monotonic seconds at which the ask's deadline passes."""
    deadline: str = ""
    """RFC 3339: the same as a time of day, for the record; "" where none came."""
    unseen: bool = False
    """Whether the last look at what settles ended in an error: that the next one fails too is no news of the target."""
    ended: bool = False
    """Whether an ending was handed to the log; there is only one."""
    _held: list[tuple[Entry, ...]] = field(default_factory=list)
    _lost: list[Callable[[], None]] = field(default_factory=list)

    @property
    def common(self) -> dict[str, Any]:
        """The members that every body of this action has."""
        return {
            "tenant": self.talent.tenant,
            "talent": self.talent.id,
            "target": self.target.name,
            "trace": self.ask.trace,
        }

    def holds_secret(self, text: str) -> bool:
        """Whether text holds a secret of the caller's tenant or of the target's. Another tenant's is masked in what
        comes out and stops nothing: its operator would else choose what others may say."""
        return self.parts.redactor.holds_of(text, {self.talent.tenant, self.target.tenant})

    def entry(self, kind: Kind, body: Body) -> Entry:
        return Entry(kind, body, action=self.action, actor=self.talent.id)

    @property
    def unwatched(self) -> bool:
        """Whether nobody stands at the stations, so that entries may pass more than one of them together."""
        return self.watcher is None and not self.parts.stations

    def hold(self, lost: Callable[[], None], *entries: Entry) -> None:
        """Let entries go into the log with those that are next, in one transaction. Nothing that leaves the process may
        follow before `record` or `flush`. `lost` is called where the log does not take them."""
        self._held.append(entries)
        self._lost.append(lost)

    async def record(self, *entries: Entry) -> None:
        """Append entries, after those held back and together with them; apart from them where that fails, so that the
        one does not keep out the other. Raises what the log raises."""
        if self._held:
            held, lost = [entry for group in self._held for entry in group], self._lost
            self._held, self._lost = [], []
            log = self.parts.log
            try:
                await log.append(*held, *entries)
                return
            except FabricError as refused:
                try:
                    if not entries:
                        raise refused
                    await log.append(*held)
                except FabricError:
                    for tell in lost:
                        tell()
                    raise
        if entries:
            await self.parts.log.append(*entries)

    async def flush(self) -> None:
        """Append what is held back. Raises what the log raises."""
        if self._held:
            await to_the_end(self.record())

    def effect(self, name: object) -> Effect:
        """The manifest's effect of that name. Raises IF_ERR_EFFECT_UNKNOWN."""
        effect = self.capability.manifest.effects.get(name) if isinstance(name, str) else None
        if effect is None:
            shown = str(name)[:60]
            raise FabricError(Code.EFFECT_UNKNOWN, f"{self.capability.manifest.name} declares no effect {shown!r}")
        return effect

    def call(self, effect: str, args: Mapping[str, Any], change: str = "") -> DriverCall:
        """The driver's call for an effect; for a change, with the provider's idempotency key where it takes one."""
        manifest = self.capability.manifest
        keyed = change and manifest.effects[effect].provider_key is not None
        timeout = min(manifest.limits.timeout_s, self.target.timeout_s or manifest.limits.timeout_s)
        if (left := self.left_s) is not None:
            timeout = min(timeout, max(left, _LEAST_S))
        return DriverCall(
            manifest, effect, args, self.target, provider_key(self.action, change) if keyed else None, timeout
        )

    @property
    def left_s(self) -> float | None:
        """Seconds until the deadline that came with the ask, below 0 after it; None where none came."""
        return None if self.due is None else self.due - self.parts.monotonic()

    async def perform(self, call: DriverCall) -> Answer:
        """Make a driver call unless the target is cut off, and let the breaker know how it ended.

        Raises IF_ERR_BREAKER_OPEN before anything is sent, and what the driver raises, secrets masked.
        """
        try:
            calling = self.parts.breakers.calling(
                self.capability.manifest.id, call.target, self.ask.trace, known=self.unseen
            )
            async with calling as failing:
                answer = await self.driver.perform(call, self.secrets)
                if not answer.ok and not answer.conclusive:
                    failing(Code.TARGET_STATUS)
            return answer
        except FabricError as raised:
            error = self.parts.masked(raised)
        raise error  # out here, so that no unmasked one hangs on it

    def passes(self, station: Station) -> None:
        """Announce a station. Before anything was sent an observer may refuse by raising; after that it may not."""
        observers = (*self.parts.stations, *((self.watcher,) if self.watcher else ()))
        for observer in observers:
            try:
                observer(self.action, station)
            except Exception as error:
                if station in _MAY_REFUSE:
                    if isinstance(error, FabricError):
                        raise
                    text = self.parts.redactor.redact(f"{type(error).__name__}: {error}")
                    raise FabricError(Code.INTERNAL, f"an extension failed at {station}: {text}") from None


_LEAST_S = 0.001
"""A driver's deadline is never nothing."""

_MAY_REFUSE = frozenset({Station.RECEIVED, Station.RESOLVED, Station.PLANNED, Station.DECIDED})


def program_of(capability: Capability) -> Program:
    """The capability's code, as the sandbox is given it."""
    manifest = capability.manifest
    return Program(
        adapter=capability.digest,
        publisher=capability.publisher,
        runtime=manifest.runtime,
        entrypoint=manifest.entrypoint,
        files=capability.files,
    )


def provider_key(action: str, change: str) -> str:
    """The idempotency key given to a provider: the same for every attempt at one change of one action."""
    return sha256(f"infrafabric-provider-key-v1\n{action}\n{change}".encode()).removeprefix("sha256:")[:40]


async def to_the_end(work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    """Await `work` to its end even when the caller is cancelled meanwhile; the cancellation is then raised."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:
            break
    if cancelled is not None:
        if not task.cancelled():
            task.exception()
        raise cancelled
    return task.result()
