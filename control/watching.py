"""Watching intents: wanted and actual are compared again and again, by a kernel that stays open.

Each look is a plan by the ordinary road and so an action in the log. Where the capability's manifest says how its
target tells of changes, a look follows such news at once rather than when the pause is over; what is told decides
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from infrafabric.control.admitting import Admitted
from infrafabric.control.patience import COUNTED, happens, patiently
from infrafabric.control.sequence import admitted, ask_of
from infrafabric.control.steps import Step
from infrafabric.control.watched import Event, Pace, State, Watched
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Signals
from infrafabric.kernel.words.manifest import Kind
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Ear", "Tell", "Watch"]

LISTEN_S = 2.0
"""How long the opening of signals may hold up a look."""

Tell = Callable[[Step, Event], None]
Opening = Callable[[], AbstractAsyncContextManager[Signals] | None]
"""Gives what a target tells of changes, to be opened; None where nobody can hear it."""


@dataclass(slots=True)
class Watch:
    """Several intents under one watch. An exception out of `tell`, or of a log that takes no entry, ends it."""

    house: House
    steps: Sequence[Step]
    talent: str
    why: str
    trace: str
    pace: Pace
    tell: Tell
    apply: bool = False
    watched: list[Watched] = field(init=False)
    """In the order of `steps`."""
    _once: bool = field(default=False, init=False)
    _stop: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.watched = [Watched(self.pace, applying=self.apply) for _ in self.steps]

    @property
    def in_sync(self) -> bool:
        """Whether everything was as wanted when it was last looked at."""
        return all(one.state is State.IN_SYNC for one in self.watched)

    def stop(self) -> None:
        """End after what is under way. From the loop's own thread."""
        self._stop.set()

    async def run(self, *, once: bool = False, for_s: float | None = None) -> None:
        """Look, and apply where told so, until `stop`, for `for_s` seconds, or `once`.

        Raises, before the first look, what would turn a step away, and IF_ERR_USAGE for an event, which has no state.
        """
        found = [await admitted(self.house, step, self.talent) for step in self.steps]
        for step, one in zip(self.steps, found, strict=True):
            if one.manifest.kind is Kind.EVENT:
                name = one.manifest.name
                raise FabricError(Code.USAGE, f"step {step.id}: {name} is an event: it has no state to compare with")
        self._once = once
        if for_s is not None:
            asyncio.get_running_loop().call_later(for_s, self.stop)
        async with asyncio.TaskGroup() as group:
            for step, watched, one in zip(self.steps, self.watched, found, strict=True):
                group.create_task(self._keep(step, watched, one))

    async def _keep(self, step: Step, watched: Watched, admitted: Admitted) -> None:
        async with listening(admitted.signals) as ear:
            prompted = 0
            while not self._stop.is_set():
                if not self._once:
                    await ear.open()
                news = await self._look(step, watched)
                if self._once:
                    return
                prompted = prompted + 1 if ear.heard and not news else 0
                # A target that tells of much that is no difference makes the looks rarer, down to the usual pace.
                least = min(self.pace.least_s * 2 ** min(prompted, 16), watched.pause_s)
                await ear.pause(watched.pause_s, least, self._stop)

    async def _look(self, step: Step, watched: Watched) -> bool:
        """Look once, apply where that is due; whether there was something to tell."""
        clock = asyncio.get_running_loop().time
        ask = ask_of(step, self.talent, self.why, self.trace, "plan")
        report = await self._act(ask)
        if report is None:
            return False
        events = watched.looked(report, clock())
        self._tell(step, events)
        if not self._stop.is_set() and watched.wants_apply(clock()) and not await self._is_open(watched.question):
            doing = ask_of(step, self.talent, self.why, self.trace, "apply", report.changes_digest)
            if (applied := await self._act(doing)) is not None:
                done = watched.applied(applied, clock())
                self._tell(step, done)
                events += done
        return bool(events)

    async def _is_open(self, question: str) -> bool:
        """Whether people may still answer what was asked."""
        if not question:
            return False
        await self.house.kernel.expire()
        return self.house.log.facts.get("pending", question) is not None

    async def _act(self, ask: Ask) -> Report | None:
        """What became of an ask, its rate waited for; None where the watch was stopped meanwhile.

        An ask that is turned away for good for its rate leaves no entry in the log, so its report names no action.
        """
        try:
            return await patiently(lambda: self.house.kernel.act(ask), self._stop)
        except FabricError as error:
            if error.code is Code.INTERRUPTED and self._stop.is_set():
                return None
            if error.code not in COUNTED:
                raise
            target = ask.target or ""
            return Report("", ask.trace, ask.purpose, ask.capability, target, Outcome.REFUSED, error)

    def _tell(self, step: Step, events: list[Event]) -> None:
        for event in events:
            self.tell(step, replace(event, pause_s=0.0) if self._once else event)


@asynccontextmanager
async def listening(opening: Opening) -> AsyncIterator[Ear]:
    """An ear at a target, closed at the end."""
    ear = Ear(opening)
    try:
        yield ear
    finally:
        await ear.close()


class Ear:
    """Hears that a target tells of a change, where its manifest says how. Without such signals only time passes."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._signals: Signals | None = None
        self._stack = AsyncExitStack()
        self.heard = False
        """Whether the last pause was cut short by news, or by the end of the connection that brings them."""

    async def open(self) -> None:
        """Listen, if that is possible and not so already. A target that cannot be listened to is looked at only."""
        if self._signals is not None:
            return
        try:
            opening = self._opening()
            if opening is not None:
                async with asyncio.timeout(LISTEN_S):
                    self._signals = await self._stack.enter_async_context(opening)
        except (FabricError, TimeoutError):  # the looks go on, and tell what is wrong with the target
            await self.close()

    async def close(self) -> None:
        self._signals = None
        await self._stack.aclose()

    async def pause(self, seconds: float, least: float, stop: asyncio.Event) -> None:
        """Let `seconds` pass; less where `stop` is set, or where news comes after `least`."""
        self.heard = False
        signals = self._signals
        if signals is None:
            await happens(stop, seconds)
            return
        if await happens(stop, least) or seconds <= least:
            return
        telling, stopping = asyncio.ensure_future(signals.wait()), asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((telling, stopping), timeout=seconds - least, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                self.heard = True
                telling.result()
        except FabricError:  # the connection is gone: it is opened again before the next look
            await self.close()
        finally:
            telling.cancel()
            stopping.cancel()
            await asyncio.gather(telling, stopping, return_exceptions=True)
