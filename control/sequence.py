"""A list of intents, done in order; when one of them fails, what was done is taken back in reverse.

Each step is an action like any other, with its own plan, decision and receipt, all under one trace token. Nothing is
held together by a transaction: the world has none. What can be promised is that a list which did not come true as a
whole is undone as far as each step's own undo allows, and that whatever stays is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from infrafabric.control.admitting import Admitted
from infrafabric.control.patience import patiently
from infrafabric.control.steps import Step, Steps
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Ended", "Heard", "Purpose", "Sequence", "Taken", "admitted", "ask_of"]

Purpose = Literal["plan", "dry_run", "apply"]

_WELL = frozenset({Outcome.CONVERGED, Outcome.DONE, Outcome.PLANNED, Outcome.DRY_RUN})


class Ended(StrEnum):
    """How a list ended."""

    DONE = "done"
    """Every step ended well."""
    PLANNED = "planned"
    DRY_RUN = "dry_run"
    REFUSED = "refused"
    """A step did not end well, and nothing was written."""
    UNDONE = "undone"
    """A step did not end well, and all that was written is taken back."""
    FAILED = "failed"
    """A step did not end well, and something that was written stays, or may stay."""


@dataclass(slots=True)
class Taken:
    """One step, and what became of it."""

    step: Step
    action: str = ""
    """Id of the action, once the log holds it."""
    begun: bool = False
    report: Report | None = None
    error: FabricError | None = None
    """Why it did not end well; None where it did, or was not begun."""
    wrote: bool = False
    """Whether a write of it reached the world, or may have; of an apply under way it may."""
    undo: Report | None = None
    undo_error: FabricError | None = None
    """Why it could not be taken back."""

    @property
    def stays(self) -> bool:
        """Whether something of it is in the world, or may be."""
        return self.wrote and (self.undo is None or self.undo.outcome is not Outcome.UNDONE)


Heard = Callable[[str, Taken], None]
"""Told of `begins`, `ended`, `taking_back`, `taken_back`, with the step."""


@dataclass(slots=True)
class Sequence:
    """One run of a list. `taken` always says how far it came, also when `run` raised."""

    house: House
    steps: Steps
    talent: str
    why: str
    trace: str
    purpose: Purpose = "apply"
    plan_first: bool = False
    """Plan every step before the first is applied, and apply none when a plan is refused."""
    heard: Heard = lambda what, taken: None
    taken: list[Taken] = field(init=False)
    failed: Taken | None = field(default=None, init=False)
    """The first step that did not end well."""
    fault: Exception | None = field(default=None, init=False)
    """The first fault of InfraFabric's own; `run` raises it once what was done is taken back."""
    _well: bool = field(default=False, init=False)
    _cut: FabricError | None = field(default=None, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _leaving: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.taken = [Taken(step) for step in self.steps.steps]

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin no further step, and take back what was done. The second time: take nothing more back either.

        The action under way is ended either way, so that it is known what became of it; a wait for a rate ends at
        once. From the loop's own thread.
        """
        (self._leaving if self.stopped else self._stopping).set()

    @property
    def well(self) -> bool:
        """Whether every step ended well, and the run was not stopped before that."""
        return self._well

    @property
    def error(self) -> FabricError | None:
        """Why the run did not end well, as far as it knows itself."""
        return self.failed.error if self.failed is not None else self._cut

    @property
    def stays(self) -> tuple[str, ...]:
        """The steps of a run that did not end well of which something is in the world, or may be."""
        return () if self._well else tuple(taken.step.id for taken in self.taken if taken.stays)

    @property
    def ended(self) -> Ended:
        if self._well:
            return {"plan": Ended.PLANNED, "dry_run": Ended.DRY_RUN, "apply": Ended.DONE}[self.purpose]
        if self.stays:
            return Ended.FAILED
        return Ended.UNDONE if any(taken.undo is not None for taken in self.taken) else Ended.REFUSED

    async def check(self) -> None:
        """Raise, naming the step, what would turn one away before it is planned. Nothing is asked of a target."""
        for taken in self.taken:
            await admitted(self.house, taken.step, self.talent)

    async def run(self) -> None:
        """Check all, then take step after step. An apply ends at the first that fails; a look goes through all."""
        await self.check()
        if self.purpose != "apply":
            self._well = await self._look(self.purpose)
        elif not self.plan_first:
            self._well = await self._apply()
        elif await self._look("plan"):
            self.taken = [Taken(step) for step in self.steps.steps]
            self._well = await self._apply()
        if self.fault is not None:
            raise self.fault

    async def _look(self, purpose: Purpose) -> bool:
        for taken in self.taken:
            await self._take(taken, purpose)
        return await self._so_far_well()

    async def _apply(self) -> bool:
        for taken in self.taken:
            await self._take(taken, "apply")
            if taken.error is not None:
                break
        if await self._so_far_well():
            return True
        await self._take_back()
        return False

    async def _so_far_well(self) -> bool:
        if await self._is_stopped() and self.failed is None:
            self._cut = FabricError(Code.INTERRUPTED, "the run was stopped during its last step")
        return self.error is None

    async def _take(self, taken: Taken, purpose: Purpose) -> None:
        if await self._is_stopped():
            taken.error = FabricError(Code.INTERRUPTED, f"the run was stopped before step {taken.step.id}")
        else:
            taken.begun, taken.wrote = True, purpose == "apply"
            self.heard("begins", taken)
            ask = ask_of(taken.step, self.talent, self.why, self.trace, purpose)

            def passes(action: str, _: Station) -> None:
                taken.action = action

            try:
                taken.report = await patiently(lambda: self.house.kernel.act(ask, passes), self._stopping)
                taken.action = taken.report.action
                taken.error = _problem(taken.report)
                if taken.report.outcome is Outcome.WAITING:
                    await self._withdraw(taken)
            except Exception as error:  # it was turned away, or the log took no further entry: maybe after a write
                taken.error = self._told(error)
                taken.begun = taken.error.code is not Code.INTERRUPTED or bool(taken.action)
            if taken.wrote:
                self._find_out(taken)
            self.heard("ended", taken)
        if taken.error is not None and self.failed is None:
            self.failed = taken

    async def _withdraw(self, taken: Taken) -> None:
        """End the question of a step that would have to wait for people: agreed to later, the step would be done alone,
        after those before it were taken back."""
        why = f"{self.why}: a run does not wait for people"
        ended = await self.house.kernel.cancel(taken.action, self.talent, why)
        if ended.error is not None and ended.error.code is not Code.CANCELLED:
            taken.error = ended.error

    async def _is_stopped(self) -> bool:
        await asyncio.sleep(0)  # so that a stop which came while the step before ended is heard
        return self.stopped

    def _find_out(self, taken: Taken) -> None:
        """Whether the step wrote. Where the log cannot be asked it may have, and the run does not go on."""
        try:
            taken.wrote = _wrote(self.house, taken.action)
        except Exception as error:
            taken.error = taken.error or self._told(error)

    def _told(self, error: Exception) -> FabricError:
        """An error as one with a code; a fault of InfraFabric's own is kept for the end."""
        if isinstance(error, FabricError):
            return error
        self.fault = self.fault or error
        return FabricError(Code.INTERNAL, type(error).__name__)

    async def _take_back(self) -> None:
        cause = "the run was stopped"
        if self.failed is not None and not _is_stop(self.failed.error):
            cause = f"step {self.failed.step.id} did not end well"
        for taken in reversed(self.taken):
            if taken.wrote and not self._leaving.is_set():
                await self._undo(taken, f"{self.why}: taken back, since {cause}")

    async def _undo(self, taken: Taken, why: str) -> None:
        self.heard("taking_back", taken)
        kernel, action = self.house.kernel, taken.action
        try:
            undone = await patiently(lambda: kernel.undo(action, self.talent, why, trace=self.trace), self._leaving)
            taken.undo = undone
            taken.undo_error = _problem(undone) if undone.outcome is not Outcome.UNDONE else None
        except Exception as error:
            taken.undo_error = self._told(error)
        self.heard("taken_back", taken)


def ask_of(step: Step, talent: str, why: str, trace: str, purpose: Purpose, expect: str = "") -> Ask:
    """The ask that a step stands for."""
    return Ask(
        capability=step.capability,
        talent=talent,
        intent=step.intent,
        why=f"{why}: {step.why}" if step.why else why,
        purpose=purpose,
        target=step.on,
        trace=trace,
        hazards=step.hazards,
        expect=expect,
    )


async def admitted(house: House, step: Step, talent: str) -> Admitted:
    """The step as far as it comes before a plan. Nothing is recorded, and nothing asked of the target.

    Raises, naming the step, what would turn it away there: talent, capability, target, grant, intent.
    """
    try:
        return await house.admit(ask_of(step, talent, "a check", new_trace_id(), "plan"))
    except FabricError as error:
        raise FabricError(error.code, f"step {step.id}: {error.message}", remedy=error.remedy) from None


def _problem(report: Report) -> FabricError | None:
    """Why an action did not end well; None where it did."""
    if report.outcome in _WELL:
        return None
    return report.error or FabricError(Code.NOT_CONVERGED, f"{report.action} ended {report.outcome.value}")


def _is_stop(error: FabricError | None) -> bool:
    return error is not None and error.code is Code.INTERRUPTED


def _wrote(house: House, action: str) -> bool:
    """Whether the log says that a write of the action was made, or may have been."""
    rows = list(house.log.entries(action)) if action else []
    if not rows:
        return False
    history = History.of(action, rows)
    return bool(history.done or history.uncertain)
