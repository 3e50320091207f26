"""Apply: the kernel performs the plan's changes by id, each under two entries.

`effect.intended` is durable before the driver is called and `effect.observed` after; between the two the call cannot be
cancelled. The guest's own `apply`, where it has one, only orders, waits and stops.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from infrafabric.kernel.ahead import Look
from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.clock import moment
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.granting import grant_keys
from infrafabric.kernel.hearing import pause
from infrafabric.kernel.parts import Journey, provider_key, to_the_end
from infrafabric.kernel.planning import Planned, Reader, plan, refuse_secrets, same_change
from infrafabric.kernel.ports import DriverCall, Signals
from infrafabric.kernel.results import resolve
from infrafabric.kernel.retrying import Repeats, Result, rfc3339, told_by
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.entries import EffectIntended, EffectObserved, GuestRun, Kind
from infrafabric.kernel.words.manifest import Kind as CapabilityKind
from infrafabric.kernel.words.plan import Change
from infrafabric.kernel.words.policy import Retry

__all__ = ["Applied", "Sent", "apply", "halted_by", "observe", "recheck"]


class Applied:
    """What has been done so far, in order; it grows while the plan is applied."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        """By change id, for each change that was intended."""
        self.answers: dict[str, Mapping[str, Any]] = {}
        self.error: FabricError | None = None
        """What ended the apply before its end."""
        self.retries: dict[str, Retry] = {}
        """By change id, where writes stand that were tried more than once."""
        self.run: GuestRun | None = None
        """The guest's apply, where it has one; as far as it came where it ended early."""
        self.look: Look | None = None
        """The first look after the last write, where it is under way already."""

    @property
    def wrote(self) -> bool:
        """Whether anything may have reached the target."""
        return any(result != "not_sent" for result in self.results.values())


async def apply(journey: Journey, planned: Planned, applied: Applied, signals: Signals | None = None) -> None:
    """Perform the plan's changes; what happens is in `applied` also when this raises or is cancelled."""
    performer = _Performer(journey, planned, applied, signals)
    dry_run = journey.ask.purpose == "dry_run"
    try:
        recheck(journey)
        if journey.parts.chassis.orders(journey.program):
            argument = {
                "plan": planned.plan.as_json(),
                "intent": dict(journey.ask.intent),
                "dry_run": dry_run,
            }
            run = await journey.parts.chassis.run(
                journey.program,
                "apply",
                argument,
                seed=planned.seed,
                perform=performer.answer,
                cut=performer.cut,
            )
            applied.run = run.recorded()
        else:
            for change in planned.plan.changes:
                answer = await performer.perform(change.id)
                if "error" in answer:
                    raise performer.refused[change.id]
    except FabricError as error:
        applied.error = error


def recheck(journey: Journey) -> None:
    """Raise IF_ERR_AUTHORITY_CHANGED, or the registry's reason, where what allowed the action no longer stands; and
    IF_ERR_INTERRUPTED where whoever asked has gone."""
    parts = journey.parts
    if (halted := halted_by(journey)) is not None:
        raise halted
    if (left := journey.left_s) is not None and left <= 0:
        raise FabricError(Code.DEADLINE, f"the time that {journey.action} had was over at {journey.deadline}")
    parts.registry.recheck(journey.capability)
    if journey.records != operator_records(journey):
        raise FabricError(
            Code.AUTHORITY_CHANGED, f"talent, grant, target or policies changed while {journey.action} was under way"
        )
    if journey.expires and parts.now() >= moment(journey.expires):
        message = f"the grant that {journey.action} goes by expired at {journey.expires}"
        raise FabricError(Code.AUTHORITY_CHANGED, message)


def halted_by(journey: Journey) -> FabricError | None:
    """Why the action is to write nothing more: its asker has gone, it was cancelled, or writes were halted."""
    halt = journey.halt
    if halt.asked and halt.by:
        why = journey.parts.redactor.redact(f": {halt.why}" if halt.why else "")
        return FabricError(Code.CANCELLED, f"{journey.action} was cancelled by {halt.by}{why}")
    if halt.asked:
        return FabricError(Code.INTERRUPTED, f"{journey.action} was cancelled")
    if journey.ask.purpose in ("apply", "undo"):
        try:
            journey.parts.stops.check(journey.talent.id, journey.capability.manifest.id, journey.action)
        except FabricError as error:
            return error
    return None


def operator_records(journey: Journey) -> tuple[str, ...]:
    """Digests of the operator's records that the journey rests on, as they stand now."""
    authority, talent, target = journey.parts.authority, journey.talent, journey.target.name
    grants = grant_keys(talent, journey.capability.manifest.id, target)
    return (
        authority.record("talent", talent.id),
        authority.record("target", target),
        authority.record("policy", "set"),
        *(authority.record("grant", grant) for grant in grants),
    )


class _Performer:
    """Answers the requests of one apply."""

    def __init__(self, journey: Journey, planned: Planned, applied: Applied, signals: Signals | None) -> None:
        self._journey = journey
        self._signals = signals
        self._planned = planned
        self._applied = applied
        self._asked: set[str] = set()
        self._done: dict[str, Change] = {}
        self.refused: dict[str, FabricError] = {}
        """By change id, how the target said no."""
        self._reader = Reader(journey)
        self._waited = 0.0

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "perform" in request:
            return await self.perform(request["perform"])
        if "wait" in request:
            return await self._wait(request["wait"], self._signals if request.get("news") else None)
        return await self._reader.read(request.get("read"), request.get("args", {}))

    def cut(self, run: GuestRun) -> None:
        """Keep what a run that ended early had asked for, unless a secret stands in it."""
        journey = self._journey
        try:
            refuse_secrets(journey, run.as_json(), "the run")
        except FabricError:
            return
        self._applied.run = run

    async def perform(self, change_id: object) -> dict[str, Any]:
        """Perform one change. Raises where the guest asked for what it may not, or nothing is known of the write."""
        change = self._planned.plan.change(change_id) if isinstance(change_id, str) else None
        if change is None:
            named = self._journey.parts.redactor.redact(str(change_id))[:60]
            raise FabricError(Code.CHANGE_UNKNOWN, f"the plan holds no {named}")
        if change.id in self._asked:
            raise FabricError(Code.CHANGE_REPEATED, f"{change.id} was asked for twice")
        self._asked.add(change.id)
        if self._journey.ask.purpose == "dry_run":
            return {"ok": {}}
        return await self._write(change)

    async def _write(self, change: Change) -> dict[str, Any]:
        journey = self._journey
        recheck(journey)
        args = resolve(journey.capability.manifest, change.args, self._done, self._applied.answers)
        refuse_secrets(journey, args, f"{change.id}")
        call = journey.call(change.effect, args, change.id)
        request = self._request(change, args, call)
        left = journey.left_s
        retry_s = journey.parts.limits.retry_s if left is None else min(journey.parts.limits.retry_s, max(left, 0.0))
        repeats = Repeats.of(journey.effect(change.effect), journey.capability.manifest.limits, retry_s)
        began = journey.parts.monotonic()
        while True:
            sent, wait = await to_the_end(self._attempt(change, call, request, repeats, began))
            if wait is None or not await self._again(change, repeats, wait, began):
                break
            repeats.attempt += 1
        observed, error = sent.observed, sent.error
        if error is not None and self._applied.results[change.id] != "failed":
            raise error
        self._done[change.id] = change
        value = dict(observed.answer or {})
        self._applied.answers[change.id] = value
        if error is not None:
            self.refused[change.id] = error
            return {"error": {"code": error.code.value, "message": error.message, "value": value}}
        return {"ok": value}

    async def _attempt(
        self, change: Change, call: DriverCall, request: str, repeats: Repeats, began: float
    ) -> tuple[Sent, float | None]:
        """Send a write once, under its two entries; with it, the seconds until it is to be sent again."""
        journey, applied = self._journey, self._applied
        repeats.first_at = repeats.first_at or rfc3339(journey.parts.now())
        intended = EffectIntended(
            **journey.common,
            change=change.id,
            effect=change.effect,
            request=request,
            attempt=repeats.attempt,
            provider_key=provider_key(journey.action, change.id) if call.provider_key else "",
            retry=repeats.envelope(),
            first_at=repeats.first_at,
        )
        last = change is self._planned.plan.changes[-1] and not journey.parts.chassis.orders(journey.program)
        event = journey.capability.manifest.kind is CapabilityKind.EVENT
        begun = last and not event and repeats.attempt == 1 and journey.parts.chassis.at_ease
        look = Look(journey) if begun else None
        try:
            await journey.record(journey.entry(Kind.EFFECT_INTENDED, intended))
            # Until an answer is on record nobody knows, whatever happens to this process or to the log.
            before = applied.results.get(change.id)
            applied.results[change.id] = "unknown"
            journey.passes(Station.INTENDED)
            sent = await self._send(call, change, repeats.attempt)
            if look is not None and sent.error is None:
                look.begin()
                applied.look = look
        finally:
            if look is not None and applied.look is None:
                look.drop()
        spent = journey.parts.monotonic() - began
        wait = repeats.wait(sent.error, later=sent.later, spent_s=spent, chance=random.random())  # noqa: S311
        retry = repeats.envelope(wait, journey.parts.now())
        observed = sent.observed.model_copy(update={"retry": retry})
        entry = journey.entry(Kind.EFFECT_OBSERVED, observed)
        if journey.unwatched and sent.error is None and (applied.look is not None or (last and event)):
            # What follows is the ending, or soon known not to be: see `verify_state`.
            journey.hold(lambda: applied.results.update({change.id: "unknown"}), entry)
        else:
            await journey.record(entry)
        applied.results[change.id] = told_by(before, observed.result)
        if retry is not None:
            applied.retries[change.id] = retry
        journey.passes(Station.OBSERVED)
        return sent, wait

    async def _again(self, change: Change, repeats: Repeats, wait: float, began: float) -> bool:
        """Let the pause pass; whether the write is still to be sent. Raises where it no longer may be.

        A state is looked at first: it may have taken the write and not said so, or another hand may have moved it.
        """
        journey, pause_s = self._journey, wait
        while True:
            await journey.halt.rest(pause_s)
            recheck(journey)
            if journey.capability.manifest.kind is CapabilityKind.EVENT:
                return True
            try:
                seen = await plan(journey)
            except FabricError as error:
                spent = journey.parts.monotonic() - began
                longer = repeats.wait(error, later=False, spent_s=spent, chance=random.random())  # noqa: S311
            else:
                recheck(journey)
                return self._still_wanted(change, seen)
            if longer is None:
                return False
            pause_s = longer

    def _still_wanted(self, change: Change, seen: Planned) -> bool:
        """Whether a state still asks for the change, from where it was to be made. An undo is sent again only where the
        adapter sees exactly what it saw when the undo was planned."""
        if self._journey.ask.purpose == "undo":
            before = self._planned.run
            return before is not None and seen.run is not None and before.result == seen.run.result
        return any(same_change(change, other) for other in seen.plan.changes)

    def _request(self, change: Change, args: Mapping[str, Any], call: DriverCall) -> str:
        """The request in one line: the plan's, unless results of earlier changes have come into it since."""
        if args == change.args:
            return self._planned.requests[self._planned.plan.changes.index(change)]
        return self._journey.driver.describe(call)

    async def _send(self, call: DriverCall, change: Change, attempt: int) -> Sent:
        try:
            recheck(self._journey)  # what was withdrawn while the intention was written is withdrawn
        except FabricError as error:
            return Sent(not_sent(self._journey, change, error, attempt), error)
        return await observe(self._journey, call, change, attempt)

    async def _wait(self, seconds: object, signals: Signals | None) -> dict[str, Any]:
        """Let time pass, or less where `signals` tell of a change: the answer then says how much."""
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
            raise FabricError(Code.ADAPTER_PROTOCOL, f"asked to wait for {str(seconds)[:40]}")
        most = self._journey.parts.limits.wait_s
        if self._waited + seconds > most:
            raise FabricError(Code.ADAPTER_PROTOCOL, f"asked to wait for more than {most:g} s in all")
        if signals is None or self._journey.ask.purpose == "dry_run":
            self._waited += seconds
            if self._journey.ask.purpose != "dry_run":
                await self._journey.halt.rest(seconds)
                recheck(self._journey)
            return {"ok": {}}
        began = self._journey.parts.monotonic()
        await pause(seconds, signals, min(self._journey.parts.limits.poll_first_s, seconds), self._journey.halt)
        recheck(self._journey)
        passed = min(round(self._journey.parts.monotonic() - began, 3), seconds)
        self._waited += passed
        return {"ok": {"passed_s": passed}}


class Sent(NamedTuple):
    """What is known of one attempt at a write."""

    observed: EffectObserved
    error: FabricError | None = None
    later: bool = False
    """Whether the target asked for patience."""


async def observe(journey: Journey, call: DriverCall, change: Change, attempt: int = 1) -> Sent:
    """Call the driver once and say what is known of the write afterwards; never raises for what the driver does."""
    started = journey.parts.monotonic()
    error: FabricError | None = None
    later = False
    value: dict[str, Any] | None = None
    result: Result = "answered"
    try:
        answer = await journey.perform(call)
        value = _bounded(answer.value)
        if not answer.ok:
            # A state can be looked at; of an event an inconclusive no leaves open whether it happened.
            known = answer.conclusive or journey.capability.manifest.kind is CapabilityKind.STATE
            result = "failed" if known else "unknown"
            later = answer.later
            said = answer.problem or "the target said no"
            error = FabricError(Code.TARGET_STATUS, said, retry_after=answer.retry_after)
    except FabricError as raised:
        error = raised
        result = "not_sent" if raised.code in _NOTHING_SENT else "unknown"
    except Exception as raised:
        # A driver that breaks in an unforeseen way says nothing of whether the write was taken.
        text = journey.parts.redactor.redact(f"{type(raised).__name__}: {raised}")[:300]
        result, error = "unknown", FabricError(Code.INTERNAL, f"the driver failed: {text}")
    journey.passes(Station.SENT)
    observed = EffectObserved(
        **journey.common,
        change=change.id,
        effect=change.effect,
        result=result,
        answer=value,
        code=error.code.value if error else "",
        message=error.message if error else "",
        attempt=attempt,
        elapsed_us=round((journey.parts.monotonic() - started) * 1e6),
    )
    return Sent(observed, error, later)


def not_sent(journey: Journey, change: Change, error: FabricError, attempt: int = 1) -> EffectObserved:
    """That a write which was on record as intended was not sent after all."""
    return EffectObserved(
        **journey.common,
        change=change.id,
        effect=change.effect,
        result="not_sent",
        code=error.code.value,
        message=error.message,
        attempt=attempt,
    )


_NOTHING_SENT = frozenset(
    {
        Code.TARGET_UNREACHABLE,
        Code.TARGET_AUTH,
        Code.ADDRESS_REFUSED,
        Code.ADDRESS_CHANGED,
        Code.TARGET_SETTINGS,
        Code.EFFECT_ARGUMENT,
        Code.SECRET_UNKNOWN,
        Code.BREAKER_OPEN,
    }
)
"""Codes that a driver raises before the first byte of a request."""

_MOST_RECORDED = 512 << 10


def _bounded(value: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a write as it is recorded: a body holds a mebibyte in all, and a write's answer is rarely news."""
    if len(dumps(dict(value))) <= _MOST_RECORDED:
        return dict(value)
    return {name: item for name, item in value.items() if name != "body"}
