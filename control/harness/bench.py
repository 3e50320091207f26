"""One guest in one world: plans, applies and takes back as the kernel does, and checks what it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pydantic

from infrafabric.control.harness.guests import Guest, Replayable
from infrafabric.control.harness.peers import World
from infrafabric.control.harness.recorded import check_call
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.results import check_references, resolve
from infrafabric.kernel.words.manifest import Kind, Manifest
from infrafabric.kernel.words.plan import Call, Change, Plan

__all__ = ["Applied", "Bench"]

POLL_S = 0.02
SEED = 7
MAX_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did."""

    changes: tuple[Change, ...]
    """Those that were performed, in order."""
    answers: Mapping[str, Mapping[str, Any]]
    """Their answers, by change id."""
    asked: int
    """How many the guest asked for; in a dry run none of them is performed."""


@dataclass(slots=True)
class Bench:
    manifest: Manifest
    guest: Guest
    world: World
    used: set[str] = field(default_factory=set)
    """Effects that a read, a change or an inverse named."""

    async def plan(self, intent: Mapping[str, Any]) -> Plan:
        """The checked plan. Raises the adapter's, the sandbox's and the driver's errors, and IF_ERR_ADAPTER_PROTOCOL,
        IF_ERR_EFFECT_*, IF_ERR_RESULT_INVALID for a plan that the kernel would not take."""
        return self._checked(await self.guest.run("plan", _plan_call(intent), _Reader(self).answer))

    async def replayed_plan(self, guest: Replayable, intent: Mapping[str, Any]) -> tuple[Plan, int]:
        """A plan whose run was repeated from its record, and how many requests it made. Raises as `plan` does, and
        IF_ERR_REPLAY_DIVERGED."""
        done, requests = await guest.run_and_replay("plan", _plan_call(intent), _Reader(self).answer)
        return self._checked(done), requests

    async def apply(self, intent: Mapping[str, Any], plan: Plan, *, dry_run: bool = False) -> Applied:
        """Bring `plan` about. Raises what a refused write raises."""
        performer = _Performer(self, plan, dry_run)
        if not self.guest.orders:
            for change in plan.changes:
                _raise_for(await performer.perform(change.id))
        else:
            argument = {
                "op": "apply", "plan": plan.as_json(), "intent": dict(intent), "dry_run": dry_run, "seed": SEED,
            }  # fmt: skip
            await self.guest.run("apply", argument, performer.answer)
        return Applied(tuple(performer.done.values()), dict(performer.answers), len(performer.asked))

    async def undo(self, intent: Mapping[str, Any], applied: Applied) -> None:
        """Bring the inverses about, newest first, as the kernel does: as a plan. Every change must have one."""
        earlier = {change.id: change for change in applied.changes}
        inverses = []
        for position, change in enumerate(reversed(applied.changes), 1):
            assert change.inverse is not None
            args, original = (
                resolve(self.manifest, given, earlier, applied.answers) for given in (change.inverse.args, change.args)
            )
            inverses.append(
                Change(
                    id=f"change-{position}",
                    effect=change.inverse.effect,
                    args=args,
                    before=change.after,
                    after=change.before,
                    inverse=Call(
                        effect=change.effect, args=resolve(self.manifest, change.args, earlier, applied.answers)
                    ),
                )
            )
        await self.apply(intent, Plan(changes=tuple(inverses)))

    async def call(self, call: Call) -> None:
        """Perform one write as it stands. Raises IF_ERR_EFFECT_* and what the driver raises."""
        check_call(self.manifest, call.effect, call.args, write=True)
        answer = await self.world.perform(call.effect, call.args)
        if not answer.ok:
            raise FabricError(Code.TARGET_STATUS, f"{call.effect}: {answer.problem or 'the target said no'}")

    def settle_s(self, calls: tuple[str, ...]) -> float:
        return max((self.manifest.effects[name].settle_s for name in calls), default=0.0)

    async def until_converged(self, intent: Mapping[str, Any], settle_s: float) -> Plan:
        """Plan again until nothing is left to do or `settle_s` is over; what is left."""
        deadline = time.monotonic() + settle_s
        while True:
            left = await self.plan(intent)
            if not left.changes or time.monotonic() >= deadline:
                return left
            await asyncio.sleep(POLL_S)

    async def until_equal(self, wanted: Any, settle_s: float) -> bool:
        """Whether the world's snapshot becomes `wanted` within `settle_s`."""
        deadline = time.monotonic() + settle_s
        while self.world.snapshot() != wanted:
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(POLL_S)
        return True

    async def arrange(self, calls: tuple[Call, ...]) -> None:
        """Perform `calls`, each given its settling time to show. Raises IF_ERR_SCENARIO_INVALID where one does not."""
        for call in calls:
            before = self.world.snapshot()
            await self.call(call)
            deadline = time.monotonic() + self.settle_s((call.effect,))
            while self.world.snapshot() == before:
                if time.monotonic() >= deadline:
                    raise FabricError(Code.SCENARIO_INVALID, f"arranging by {call.effect} changed nothing")
                await asyncio.sleep(POLL_S)

    def _checked(self, done: Any) -> Plan:
        try:
            made = Plan.model_validate(done)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "shape"
            raise FabricError(Code.ADAPTER_PROTOCOL, f"the plan's {where}: {first['msg']}") from None
        self._check(made)
        return made

    def _check(self, made: Plan) -> None:
        if self.manifest.kind is Kind.EVENT and len(made.changes) != 1:
            raise FabricError(Code.ADAPTER_PROTOCOL, f"an event plans exactly one act, not {len(made.changes)}")
        earlier: dict[str, Change] = {}
        for position, change in enumerate(made.changes, 1):
            if change.id != f"change-{position}":
                raise FabricError(Code.ADAPTER_PROTOCOL, f"change {position} of the plan is called {change.id}")
            self._check_call(Call(effect=change.effect, args=change.args), earlier)
            earlier[change.id] = change
            if change.inverse is not None:
                self._check_call(change.inverse, earlier, undoing=True)

    def _check_call(self, call: Call, earlier: Mapping[str, Change], *, undoing: bool = False) -> None:
        effect = check_call(self.manifest, call.effect, call.args, write=True)
        check_references(self.manifest, effect, call.args, earlier, undoing=undoing)
        self.world.describe(call.effect, call.args)
        self.used.add(call.effect)


class _Reader:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._reads = 0

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "read" not in request:
            raise FabricError(Code.ADAPTER_PROTOCOL, "a plan may only read")
        return await self.read(request["read"], request["args"])

    async def read(self, name: str, args: Mapping[str, Any]) -> dict[str, Any]:
        bench = self._bench
        check_call(bench.manifest, name, args, write=False)
        self._reads += 1
        if self._reads > bench.manifest.limits.reads:
            raise FabricError(Code.SANDBOX_REQUESTS, f"more than {bench.manifest.limits.reads} reads in one run")
        bench.used.add(name)
        answer = await bench.world.perform(name, args)
        if answer.ok:
            return {"ok": dict(answer.value)}
        refusal = {"code": Code.TARGET_STATUS.value, "message": answer.problem, "value": dict(answer.value)}
        return {"error": refusal}


class _Performer:
    def __init__(self, bench: Bench, plan: Plan, dry_run: bool) -> None:
        self.asked: set[str] = set()
        self.done: dict[str, Change] = {}
        self.answers: dict[str, Mapping[str, Any]] = {}
        self._bench, self._plan, self._dry_run = bench, plan, dry_run
        self._reader = _Reader(bench)
        self._waited = 0.0

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "perform" in request:
            return await self.perform(request["perform"])
        if "wait" in request:
            return await self._wait(float(request["wait"]))
        return await self._reader.answer(request)

    async def perform(self, change_id: str) -> dict[str, Any]:
        change = self._plan.change(change_id)
        if change is None:
            raise FabricError(Code.CHANGE_UNKNOWN, f"the plan holds no {change_id[:60]}")
        if change_id in self.asked:
            raise FabricError(Code.CHANGE_REPEATED, f"{change_id} was asked for twice")
        self.asked.add(change_id)
        if self._dry_run:
            return {"ok": {}}
        args = resolve(self._bench.manifest, change.args, self.done, self.answers)
        answer = await self._bench.world.perform(change.effect, args)
        self.done[change.id], self.answers[change.id] = change, answer.value
        if answer.ok:
            return {"ok": dict(answer.value)}
        problem = answer.problem or "the target said no"
        return {"error": {"code": Code.TARGET_STATUS.value, "message": problem, "value": dict(answer.value)}}

    async def _wait(self, seconds: float) -> dict[str, Any]:
        self._waited += seconds
        if seconds < 0 or self._waited > MAX_WAIT_S:
            raise FabricError(Code.ADAPTER_PROTOCOL, f"asked to wait for more than {MAX_WAIT_S:g} s in all")
        if not self._dry_run:
            await asyncio.sleep(seconds)
        return {"ok": {}}


def _plan_call(intent: Mapping[str, Any]) -> dict[str, Any]:
    return {"op": "plan", "intent": dict(intent), "seed": SEED}


def _raise_for(answer: Mapping[str, Any]) -> None:
    if "error" in answer:
        raise FabricError(Code(answer["error"]["code"]), answer["error"]["message"])
