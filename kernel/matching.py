"""Matching: which capability, on which target, by which talent fits a task best, and why the others do not.

Pure: the same task on the same ground gives the same answer, in the same order. A talent that was not granted the
capability is never among those that fit, however well it would do: the lack is told, and nobody is asked about it.

Those that fit are ordered by, in this order: whether the target works; how many of the task's tags the talent has; what
an apply costs (nothing before something, then by amount within a currency: currencies are never converted); how many
actions are open on the target and by the talent; and names, so that the order is never left to chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from infrafabric.kernel.clock import moment
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.granting import standing
from infrafabric.kernel.ports import Facts
from infrafabric.kernel.schemas import compile_schema, misfit
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.names import product_of, short_name
from infrafabric.kernel.words.things import Talent, Target

__all__ = ["Condition", "Fit", "Ground", "Matcher", "Matches", "Misfit", "Offer", "Task", "best", "match"]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done, for whom. Empty members leave open what they name."""

    intent: Mapping[str, Any]
    tenant: str = "default"
    scopes: tuple[str, ...] = ()
    """Scopes that the capability has to ask for: what the task is about."""
    tags: tuple[str, ...] = ()
    """What a talent had better be good at."""
    capability: str = ""
    target: str = ""
    talent: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """An installed capability. `reason` says why it may not be used; "" where it may."""

    manifest: Manifest
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a target was found last."""

    state: str
    """`up`, `connecting`, `down` or `refused`, as of `kernel.ports.Health`."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """What there is: `facts` are those that `kernel.authority.Authority` believes, for grants, stops and breakers."""

    offers: Sequence[Offer]
    targets: Sequence[Target]
    talents: Sequence[Talent]
    """Those that were not revoked."""
    facts: Facts
    now: datetime
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    """By target; nothing is known of the others."""
    load: Mapping[str, int] = field(default_factory=dict)
    """Open actions, by target and by talent."""
    opinion: Callable[[Talent, Manifest, Target], str] = lambda talent, manifest, target: ""
    """Why the guard would not even let the talent plan there; "" where it would."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A talent that could do it now. `reasons` are in the order in which they counted."""

    capability: str
    version: str
    target: str
    talent: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why something does not fit. `target` and `talent` are "" where it does not come to them."""

    capability: str
    reason: str
    target: str = ""
    talent: str = ""


@dataclass(frozen=True, slots=True)
class Matches:
    fits: tuple[Fit, ...]
    """The best first."""
    misfits: tuple[Misfit, ...]


class Matcher(Protocol):
    """The port: whoever hands out tasks asks here, and hands none to anyone else than it was told."""

    def find(self, task: Task) -> Matches:
        """What fits, from what is known now. Asks nothing of any target."""
        ...


@dataclass(frozen=True, slots=True)
class _Candidate:
    rank: tuple[Any, ...]
    fit: Fit


def match(task: Task, ground: Ground) -> Matches:
    """All that fits `task`, the best first, and why the rest does not."""
    fits: list[_Candidate] = []
    misfits: list[Misfit] = []
    for offer in sorted(ground.offers, key=lambda one: (one.manifest.id, one.manifest.version)):
        found = _at_offer(task, ground, offer)
        fits += [one for one in found if isinstance(one, _Candidate)]
        misfits += [one for one in found if isinstance(one, Misfit)]
    fits.sort(key=lambda one: one.rank)
    return Matches(tuple(one.fit for one in fits), tuple(misfits))


def best(found: Matches) -> Fit:
    """The best of what was found. Raises IF_ERR_NO_TALENT_FITS with the nearest reasons: a refusal, not a question."""
    if found.fits:
        return found.fits[0]
    nearest = sorted(found.misfits, key=lambda one: (not one.talent, not one.target))[:3]
    why = "; ".join(f"{short_name(one.capability)}: {one.reason}" for one in nearest)
    raise FabricError(Code.NO_TALENT_FITS, f"nobody fits the task: {why or 'no capability is installed'}")


def _at_offer(task: Task, ground: Ground, offer: Offer) -> list[_Candidate | Misfit]:
    manifest = offer.manifest
    if task.capability and manifest.id != task.capability:
        return []
    if offer.reason:
        return [Misfit(manifest.id, offer.reason)]
    outside = sorted(set(task.scopes) - set(manifest.scopes))
    if outside:
        known = ", ".join(manifest.scopes) or "none"
        return [Misfit(manifest.id, f"it is not for the scope {', '.join(outside)}; its scopes: {known}")]
    problem = misfit(compile_schema(dict(manifest.intent)), dict(task.intent))
    if problem is not None:
        where, why = problem
        return [Misfit(manifest.id, f"it takes no such intent: {where or 'the intent'} does not fit {why}")]
    product = product_of(manifest.id)
    mine = [one for one in ground.targets if one.tenant == task.tenant and product_of(one.name) == product]
    targets = [one for one in mine if task.target in ("", one.name)]
    if not targets:
        return [Misfit(manifest.id, f"there is no target {task.target or f'of the product {product}'}")]
    found: list[_Candidate | Misfit] = []
    for target in sorted(targets, key=lambda one: one.name):
        found += _at_target(task, ground, manifest, target)
    return found


def _at_target(task: Task, ground: Ground, manifest: Manifest, target: Target) -> list[_Candidate | Misfit]:
    against = _against(ground, manifest, target)
    if against:
        return [Misfit(manifest.id, against, target.name)]
    talents = [one for one in ground.talents if one.tenant == task.tenant and task.talent in ("", one.id)]
    found: list[_Candidate | Misfit] = []
    without = 0
    for talent in sorted(talents, key=lambda one: one.id):
        judged = _at_talent(task, ground, manifest, target, talent)
        if judged is None:
            without += 1
        else:
            found.append(judged)
    if without:
        who = task.talent or ("one talent" if without == 1 else f"{without} talents")
        verb = "was" if task.talent or without == 1 else "were"
        reason = f"{who} {verb} not granted it on {target.name}"
        found.append(Misfit(manifest.id, reason, target.name, task.talent))
    elif not talents:
        found.append(Misfit(manifest.id, f"there is no talent {task.talent}".rstrip(), target.name))
    return found


def _at_talent(
    task: Task, ground: Ground, manifest: Manifest, target: Target, talent: Talent
) -> _Candidate | Misfit | None:
    """How one talent fits; None where it was never granted the capability there."""
    try:
        granted = standing(ground.facts, talent, manifest, target, task.intent, ground.now)
    except ValueError:
        return Misfit(manifest.id, "its grant cannot be read", target.name, talent.id)
    if granted.rule == "grants/none":
        return None
    if not granted.allows:
        return Misfit(manifest.id, granted.reason, target.name, talent.id)
    halted = _halted(ground, f"talent {talent.id}")
    against = halted or ground.opinion(talent, manifest, target)
    if against:
        return Misfit(manifest.id, against, target.name, talent.id)
    health, healthy = _health(ground, manifest, target)
    tags = sorted(set(task.tags) & set(talent.tags))
    cost = manifest.cost
    load = ground.load.get(target.name, 0) + ground.load.get(talent.id, 0)
    rank = (
        healthy, -len(tags), (cost.currency, cost.amount) if cost.amount else ("", cost.amount), load,
        manifest.id, target.name, talent.id,
    )  # fmt: skip
    reasons = (
        health,
        *([f"tags: {', '.join(tags) or 'none'} of {', '.join(task.tags)}"] if task.tags else []),
        f"costs {cost.per_apply} {cost.currency}" if cost.amount else "costs nothing",
        f"{load} open action{'' if load == 1 else 's'}",
        granted.reason + (f" until {granted.expires}" if granted.expires else ""),
    )
    return _Candidate(rank, Fit(manifest.id, manifest.version, target.name, talent.id, reasons))


def _against(ground: Ground, manifest: Manifest, target: Target) -> str:
    """What keeps anyone from doing it there now; "" where nothing does."""
    missing = [name for name in manifest.requires.settings if name not in target.settings]
    missing += [name for name in manifest.requires.secrets if name not in target.secrets]
    if missing:
        return f"{target.name} lacks {', '.join(missing)}"
    halted = _halted(ground, "all ") or _halted(ground, f"capability {manifest.id}")
    if halted:
        return halted
    breaker = ground.facts.get("breaker", f"{manifest.id} {target.name}")
    if (
        breaker is not None
        and breaker["state"] == "open"
        and breaker["until"]
        and moment(breaker["until"]) > ground.now
    ):
        return f"{target.name} kept failing, and calls to it are cut off until {breaker['until']}"
    return ""


def _halted(ground: Ground, key: str) -> str:
    stop = ground.facts.get("stop", key)
    return "" if stop is None else f"new writes are halted since {stop['at']}: {stop['why']}"


_HEALTH = {"up": 0, "": 1, "connecting": 2, "refused": 3, "down": 3}


def _health(ground: Ground, manifest: Manifest, target: Target) -> tuple[str, int]:
    """The target's health in words, and its rank: what works, what nothing is known of, what had better be looked at.

    It ranks and never rules out: a target that was down a minute ago may be up.
    """
    condition = ground.conditions.get(target.name)
    if ground.facts.get("breaker", f"{manifest.id} {target.name}") is not None:
        return f"{target.name} kept failing, and may be tried again", _HEALTH["down"]
    if condition is None:
        return f"nothing is known of how {target.name} is", _HEALTH[""]
    told = f": {condition.detail}" if condition.detail and condition.state != "up" else ""
    return f"{target.name} was {condition.state}{told}", _HEALTH.get(condition.state, _HEALTH[""])
