"""Plan: run the guest with reads only, and check every word of what it answers before anyone relies on it."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.claims import contradicted
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.parts import Journey
from infrafabric.kernel.results import check_references
from infrafabric.kernel.words.claims import CONFLICT
from infrafabric.kernel.words.entries import GuestRun
from infrafabric.kernel.words.manifest import Cost, Kind
from infrafabric.kernel.words.plan import Call, Change, Decision, Plan, changes_digest, context_digest
from infrafabric.kernel.words.policy import Spending

__all__ = [
    "ANY_EFFECT",
    "Planned",
    "Reader",
    "check_plan",
    "cost_of",
    "digest_context",
    "hazards_of",
    "plan",
    "records_of",
    "same_change",
    "spending_of",
]

ANY_EFFECT = "any"
"""Under this name a target's hazards are those of every write there."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A checked plan, what it was made from, and when (monotonic seconds)."""

    plan: Plan
    run: GuestRun | None
    address: Mapping[str, Any]
    requests: tuple[str, ...]
    hazards: tuple[str, ...]
    changes_digest: str
    seed: int
    at: float


Before = Callable[[], Awaitable[object]]


async def plan(journey: Journey, seed: int | None = None, before: Before | None = None) -> Planned:
    """Run the guest's `plan` and check its answer.

    The guest may start ahead of what `before` waits for; the world is not looked at, and nothing is answered, until
    that is over. Raises the driver's, the sandbox's and the adapter's errors, those of `check_plan` and of `before`.
    """
    parts = journey.parts
    seed = secrets.randbits(48) if seed is None else seed
    argument = {"intent": dict(journey.ask.intent)}
    beginning = _Beginning(journey, before)
    if before is None:
        await beginning()
    reader = Reader(journey, beginning)
    parts.registry.recheck(journey.capability)  # with nothing awaited between: what was unloaded is not loaded again
    try:
        run = await parts.chassis.run(journey.program, "plan", argument, seed=seed, perform=reader.answer)
    except FabricError as error:
        if error.code is Code.AUTHORITY_CHANGED:
            parts.registry.recheck(journey.capability)  # says why it was unloaded
        raise
    try:
        made = Plan.model_validate(run.done)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FabricError(Code.ADAPTER_PROTOCOL, f"the plan's {where or 'shape'}: {first['msg']}") from None
    address, started = await beginning()
    requests = check_plan(journey, made)
    return Planned(
        plan=made,
        run=run.recorded(),
        address=address,
        requests=requests,
        hazards=hazards_of(journey, made),
        changes_digest=changes_digest(address, made),
        seed=seed,
        at=started,
    )


class _Beginning:
    """From when on a plan looks at the world, and where."""

    def __init__(self, journey: Journey, before: Before | None) -> None:
        self._journey, self._before = journey, before
        self._known: tuple[Mapping[str, Any], float] | None = None

    async def __call__(self) -> tuple[Mapping[str, Any], float]:
        """The target's address, and when it was found (monotonic seconds). Raises what `before` and the driver do."""
        if self._known is None:
            if self._before is not None:
                await self._before()
            journey = self._journey
            address = await journey.driver.address(journey.capability.manifest, journey.target)
            self._known = address, journey.parts.monotonic()
        return self._known


class Reader:
    """Answers a guest's reads, the first one after `before`; in a plan there is nothing else that it may ask for."""

    def __init__(self, journey: Journey, before: Before | None = None) -> None:
        self._journey = journey
        self._before = before
        self._reads = 0

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """`{"ok": value}`, or `{"error": {code, message, value}}` where the target said no.

        Raises IF_ERR_EFFECT_*, IF_ERR_SANDBOX_REQUESTS and the driver's errors: the guest is then dropped.
        """
        if "read" not in request:
            raise FabricError(Code.ADAPTER_PROTOCOL, "a plan may only read")
        return await self.read(request["read"], request.get("args", {}))

    async def read(self, name: object, args: Any) -> dict[str, Any]:
        journey = self._journey
        effect = journey.effect(name)
        if not effect.is_read:
            raise FabricError(Code.EFFECT_NOT_READ, f"{name} is a write and was asked for as a read")
        if not isinstance(args, Mapping):
            raise FabricError(Code.EFFECT_ARGUMENT, f"the arguments of {name} are not an object")
        self._reads += 1
        most = journey.capability.manifest.limits.reads
        if self._reads > most:
            raise FabricError(Code.SANDBOX_REQUESTS, f"more than {most} reads in one run")
        refuse_secrets(journey, args, f"a read of {name}")
        if self._before is not None:
            await self._before()
        call = journey.call(str(name), args)
        answer = await journey.perform(call)
        if answer.ok:
            return {"ok": dict(answer.value)}
        refusal = {"code": Code.TARGET_STATUS.value, "message": answer.problem, "value": dict(answer.value)}
        return {"error": refusal}


def check_plan(journey: Journey, made: Plan) -> tuple[str, ...]:
    """Check a plan against the signed manifest; the requests that it stands for, in one line each.

    Raises IF_ERR_ADAPTER_PROTOCOL, IF_ERR_EFFECT_*, IF_ERR_RESULT_INVALID, IF_ERR_ARGUMENT_SECRET.
    """
    manifest = journey.capability.manifest
    if manifest.kind is Kind.EVENT and len(made.changes) != 1:
        raise FabricError(Code.ADAPTER_PROTOCOL, f"an event plans exactly one act, not {len(made.changes)}")
    requests: list[str] = []
    earlier: dict[str, Change] = {}
    for position, change in enumerate(made.changes, 1):
        if change.id != f"change-{position}":
            raise FabricError(Code.ADAPTER_PROTOCOL, f"change {position} of the plan is called {change.id}")
        requests.append(_request(journey, Call(effect=change.effect, args=change.args), earlier))
        earlier[change.id] = change
        if change.inverse is not None:
            _request(journey, change.inverse, earlier, undoing=True)
    return tuple(requests)


def digest_context(journey: Journey, planned: Planned, decision: Decision) -> str:
    """`context_digest` of the plan as it was decided."""
    return context_digest(
        planned.changes_digest,
        talent=journey.talent.id,
        capability=journey.capability.manifest.id,
        intent=journey.ask.intent,
        adapter=journey.capability.digest,
        runtime=journey.parts.chassis.runtime_digest,
        records=records_of(journey, decision),
        hazards=planned.hazards,
        cost=cost_of(journey, planned.plan),
        undoes=journey.ask.undoes,
    )


def records_of(journey: Journey, decision: Decision) -> tuple[str, ...]:
    """Digests of the records that allowed the action, in order."""
    return tuple(sorted({*journey.records, *journey.capability.records, *decision.records} - {""}))


def same_change(one: Change, other: Change) -> bool:
    """Whether two changes of different plans would do the same from the same state."""
    return (one.effect, dict(one.args), one.before, one.after) == (
        other.effect,
        dict(other.args),
        other.before,
        other.after,
    )


_MOST = 2**53 - 1
"""Whole numbers that JSON can hold (RFC 8785): nine billion units of a currency, in millionths."""


def cost_of(journey: Journey, made: Plan) -> Cost:
    """What the plan costs: at least what the manifest says, in the manifest's currency."""
    least = journey.capability.manifest.cost
    stated = made.cost
    if stated is None:
        return least
    dearer = stated.currency == least.currency and stated.amount > least.amount
    tokens = max(stated.tokens, least.tokens)
    return Cost(currency=least.currency, per_apply=(stated if dearer else least).per_apply, tokens=tokens)


def spending_of(writes: int, cost: Cost) -> Spending:
    """What a plan of so many writes may spend. Raises IF_ERR_COST_TOO_LARGE where that cannot be counted."""
    money = int(cost.amount * 1_000_000)
    if money > _MOST:
        raise FabricError(Code.COST_TOO_LARGE, f"the plan costs {cost.per_apply} {cost.currency}")
    return Spending(requests=writes, money=money, currency=cost.currency if money else "", tokens=cost.tokens)


def refuse_secrets(journey: Journey, value: Any, where: str) -> None:
    """Raise IF_ERR_ARGUMENT_SECRET where `Journey.holds_secret` finds one in what a guest or caller gave."""
    if journey.holds_secret(dumps(value).decode()):
        raise FabricError(Code.ARGUMENT_SECRET, f"{where} holds a secret's value")


def _request(journey: Journey, call: Call, earlier: Mapping[str, Change], *, undoing: bool = False) -> str:
    effect = journey.effect(call.effect)
    if effect.is_read:
        raise FabricError(Code.EFFECT_NOT_WRITE, f"{call.effect} is a read and was planned as a change")
    refuse_secrets(journey, dict(call.args), f"a call of {call.effect}")
    check_references(journey.capability.manifest, effect, call.args, earlier, undoing=undoing)
    return journey.driver.describe(journey.call(call.effect, call.args))


def hazards_of(journey: Journey, made: Plan) -> tuple[str, ...]:
    """The manifest's hazards of the planned effects, with what the operator declared of the target, and what adapter,
    caller and claim added, and that another's claim contradicts this one, in order. Each only adds: the strongest
    counts."""
    if not made.changes:
        return ()
    effects, declared, claim = journey.capability.manifest.effects, journey.target.hazards, journey.ask.claim
    named = {*made.hazards, *journey.ask.hazards, *declared.get(ANY_EFFECT, ())}
    if claim is not None:
        named.update(claim.hazards)
        parts, talent = journey.parts, journey.talent
        if contradicted(parts.log.facts, claim, talent.id, talent.tenant, parts.now()):
            named.add(CONFLICT)
    for change in made.changes:
        named.update(effects[change.effect].hazards)
        named.update(declared.get(change.effect, ()))
        named.update(change.hazards)
        if effects[change.effect].destructive:
            named.add("destructive")
    return tuple(sorted(named))
