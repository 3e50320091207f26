"""Recovery: what a kernel that died left open, closed by looking at the world.

An action without `effect.intended` wrote nothing. A `state` is observed by planning for its intent. An `event` that was
intended and not observed may have happened: it is sent again only under a provider's idempotency key, within the
provider's window counted from the first attempt, and where nobody cancelled it; found again by its manifest's lookup;
or stays in doubt until a person closes it.
"""

from __future__ import annotations

from datetime import datetime

from infrafabric.kernel.answering import resume
from infrafabric.kernel.applying import Applied, observe, recheck
from infrafabric.kernel.clock import moment
from infrafabric.kernel.deciding import ask_guard
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Journey, Parts
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.results import resolve
from infrafabric.kernel.retrying import rfc3339
from infrafabric.kernel.road import Load
from infrafabric.kernel.verifying import Verified, verify_event, verify_state
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.manifest import Kind as CapabilityKind
from infrafabric.kernel.words.plan import Change, Outcome, Verdict
from infrafabric.kernel.words.policy import Spending

__all__ = ["close_by_hand", "recover"]


async def recover(parts: Parts, load: Load) -> dict[str, Outcome | FabricError]:
    """Close what is open; by action its outcome, or the error that tells why it stays in doubt.

    Raises only what the log raises.
    """
    ended: dict[str, Outcome | FabricError] = {}
    for action, _ in parts.log.facts.scan("open"):
        history = History.of(action, parts.log.entries(action))
        if history.waiting:  # nothing was written, and people may still answer
            continue
        try:
            ended[action] = await _recover_one(parts, load, history)
        except FabricError as error:
            if error.code in (Code.LOG_STOPPED, Code.LOG_CLOCK, Code.DISK_FULL):
                raise
            # Capability, target or talent are gone, or the target is out of reach: nobody can look now. It stays open.
            ended[action] = FabricError(error.code, parts.redactor.redact(error.message), remedy=error.remedy)
        except Exception as error:
            # A driver or extension that breaks leaves this action in doubt, and must not keep the kernel from starting.
            # Only the kind is told: the text of a foreign exception may hold anything.
            ended[action] = FabricError(Code.INTERNAL, f"{type(error).__name__} while looking at what {action} did")
    return ended


async def close_by_hand(parts: Parts, action: str, outcome: Outcome, talent: str, why: str) -> None:
    """Close an action that is in doubt on a person's word.

    Raises IF_ERR_ACTION_UNKNOWN, IF_ERR_USAGE where it is not in doubt or the outcome says nothing.
    """
    history = History.of(action, parts.log.entries(action))
    if history.ended or history.received is None or not history.intended:
        raise FabricError(Code.USAGE, f"{action} is not in doubt")
    if history.received.purpose == "undo" and outcome is Outcome.DONE:
        outcome = Outcome.UNDONE
    if outcome not in (Outcome.DONE, Outcome.CONVERGED, Outcome.UNDONE, Outcome.FAILED):
        raise FabricError(Code.USAGE, f"a person says done, converged, undone or failed, not {outcome.value}")
    if (outcome is Outcome.UNDONE) != (history.received.purpose == "undo" and outcome is not Outcome.FAILED):
        raise FabricError(Code.USAGE, f"{action} was asked to {history.received.purpose}, so it is not {outcome.value}")
    message = parts.redactor.redact(f"closed by {talent}: {why}")
    code = "" if outcome is not Outcome.FAILED else Code.IN_DOUBT.value
    body = _closed(history, outcome, code, message)
    await parts.log.append(Entry(Kind.ACTION_CLOSED, body, action, talent))
    parts.budgets.settle(action, body.spent or Spending())


async def _recover_one(parts: Parts, load: Load, history: History) -> Outcome:
    received = history.received
    if received is None:
        raise FabricError(Code.BODY_ERASED, f"the log no longer says what {history.action} was to do")
    if not history.intended:
        message = "the kernel stopped before anything was written"
        body = _closed(history, Outcome.FAILED, Code.INTERRUPTED.value, message)
        await parts.log.append(Entry(Kind.ACTION_CLOSED, body, history.action, received.talent))
        parts.budgets.settle(history.action, body.spent or Spending())
        return Outcome.FAILED
    journey = await _return(parts, history)
    await load(journey)
    kind = journey.capability.manifest.kind
    verified = await (_look(journey, history) if kind is CapabilityKind.STATE else _ask(journey, history))
    if verified.outcome is Outcome.IN_DOUBT:
        raise verified.error or FabricError(Code.IN_DOUBT, f"{history.action} could not be observed")
    entries = [journey.entry(Kind.EFFECT_OBSERVED, _seen(journey, history, change)) for change in history.doubtful]
    error = verified.error
    body = _closed(
        history,
        verified.outcome,
        error.code.value if error else "",
        error.message if error else "",
        verified,
    )
    await parts.log.append(*entries, journey.entry(Kind.ACTION_CLOSED, body))
    parts.budgets.settle(history.action, body.spent or Spending())
    return verified.outcome


async def _return(parts: Parts, history: History) -> Journey:
    """The journey of a recorded action, under today's authority: observing is done in the talent's name.

    Raises where the talent may not look any more, or where looking would be at another place than was written to.
    """
    journey = await resume(parts, history)
    address = await journey.driver.address(journey.capability.manifest, journey.target)
    if history.planned is None or dict(address) != dict(history.planned.address):
        raise FabricError(Code.ADDRESS_CHANGED, f"{journey.target.name} is not where {history.action} was sent")
    return journey


async def _look(journey: Journey, history: History) -> Verified:
    """Observe a state by planning for its intent."""
    interrupted = FabricError(Code.INTERRUPTED, "the kernel stopped before all changes were made")
    settle = max(journey.effect(body.effect).settle_s for body in history.intended.values())
    whole = len(history.observed) == len(history.plan.changes) and not history.doubtful
    return await verify_state(journey, history.plan, settle, None if whole else interrupted, unknown=True)


async def _ask(journey: Journey, history: History) -> Verified:
    """Close an event by what its provider says of it."""
    applied = Applied()
    applied.results = {name: body.result for name, body in history.observed.items()}
    undoing = journey.ask.purpose == "undo"
    if not history.uncertain:
        return verify_event(history.plan, applied, undoing=undoing)
    name = history.uncertain[0]
    change, intended = history.plan.change(name), history.intended[name]
    assert change is not None
    effect = journey.effect(change.effect)
    done = Verified(Outcome.UNDONE if undoing else Outcome.DONE)
    if effect.lookup is not None and await _found(journey, effect.lookup, dict(change.args), intended.provider_key):
        return done
    first = _first_sent(journey, history, name)
    if history.cancelled is not None:
        by = f"cancelled by {history.cancelled.by}" if history.cancelled.by else "left by its asker"
        key = f"it is not sent again, for it was {by}"
    elif _too_late(journey, history):
        key = "the deadline that came with the ask is over"
    elif effect.provider_key is not None and intended.provider_key and first is not None:
        if 0 <= (journey.parts.now() - first).total_seconds() < effect.provider_key.window_s:
            return await _send_again(journey, history, change, first, done)
        key = f"the {effect.provider_key.window_s:g} s are over in which its provider key is honoured"
    elif effect.provider_key is not None and intended.provider_key:
        key = "the log does not say when it was first sent under its provider key"
    else:
        key = "it was sent under no provider key"
    lookup = f"{effect.lookup} does not find it" if effect.lookup is not None else f"{change.effect} has no lookup"
    return _doubt(f"{name} of {history.action} may have happened: {lookup}, and {key}")


def _too_late(journey: Journey, history: History) -> bool:
    received = history.received
    return received is not None and bool(received.deadline) and journey.parts.now() >= moment(received.deadline)


def _first_sent(journey: Journey, history: History, change: str) -> datetime | None:
    """When the first attempt at a change was made: a provider honours its key from then on. None where nobody knows."""
    intended, facts = history.intended[change], journey.parts.log.facts
    if intended.first_at:
        return moment(intended.first_at)
    if intended.attempt > 1:
        return None
    # Written before intentions named the time. The state of an action that is open dates from its last intention.
    at = facts.get("doubt", f"{history.action} {change}") or facts.get("state", history.action)
    return moment(at["at"]) if at is not None else None


def _doubt(message: str) -> Verified:
    return Verified(Outcome.IN_DOUBT, FabricError(Code.IN_DOUBT, message))


async def _send_again(journey: Journey, history: History, change: Change, first: datetime, done: Verified) -> Verified:
    """Send a write once more under the provider's idempotency key, by today's authority and on record."""
    planned = history.planned
    assert planned is not None
    capability = journey.capability
    if capability.digest != planned.adapter:
        # What is signed today may mean another request.
        return _doubt(f"{change.id} is not sent again: {capability.manifest.id} is another bundle than planned it")
    recheck(journey)
    decision = ask_guard(journey, planned)
    if decision.verdict is not Verdict.SHARE:
        return _doubt(f"{change.id} is not sent again: today's grants answer {decision.verdict.value}")
    call = journey.call(change.effect, change.args, change.id)
    attempt = history.intended[change.id].attempt + 1
    update = {"attempt": attempt, "retry": None, "first_at": rfc3339(first)}
    again = history.intended[change.id].model_copy(update=update)
    await journey.parts.log.append(journey.entry(Kind.EFFECT_INTENDED, again))
    history.intends(again)
    recheck(journey)  # what was withdrawn while the intention was written is withdrawn
    observed, error, _ = await observe(journey, call, change, attempt)
    await journey.parts.log.append(journey.entry(Kind.EFFECT_OBSERVED, observed))
    history.saw(observed)
    if observed.result == "answered":
        return done
    # A no, or a request that did not come through, says nothing of the first attempt.
    return Verified(Outcome.IN_DOUBT, error)


async def _found(journey: Journey, lookup: str, args: dict[str, object], provider_key: str) -> bool:
    """Whether the lookup's declared results are all in its answer: then the event happened."""
    manifest = journey.capability.manifest
    effect = manifest.effects[lookup]
    names = effect.arguments()
    known = {name: value for name, value in {**args, "provider_key": provider_key}.items() if name in names}
    answer = await journey.perform(journey.call(lookup, known))
    if not answer.ok or not effect.results:
        return False
    probe = {name: {"$result": f"change-1#{rule.pointer}"} for name, rule in effect.results.items()}
    asked = Change(id="change-1", effect=lookup, args=known)
    try:
        resolve(manifest, probe, {asked.id: asked}, {asked.id: answer.value})
    except FabricError:
        return False
    return True


def _seen(journey: Journey, history: History, change: str) -> e.EffectObserved:
    return e.EffectObserved(
        **journey.common,
        change=change,
        effect=history.intended[change].effect,
        result="unknown",
        code=Code.INTERRUPTED.value,
        message="the kernel stopped before the answer was recorded; observed afterwards",
        attempt=history.intended[change].attempt,
    )


def _closed(
    history: History, outcome: Outcome, code: str, message: str, verified: Verified | None = None
) -> e.ActionClosed:
    received = history.received
    assert received is not None
    return e.ActionClosed(
        tenant=received.tenant,
        talent=received.talent,
        target=received.target,
        trace=received.trace,
        capability=received.capability,
        outcome=outcome,
        code=code,
        message=message,
        remains=verified.remains if verified else None,
        observed=verified.observed if verified else None,
        verify_run=verified.run if verified else None,
        undoes=received.undoes,
        spent=_spent(history),
    )


def _spent(history: History) -> Spending | None:
    """What was spent of what was set aside: writes that may have reached the target, and the cost where one did."""
    reserved = history.decided.reserved if history.decided is not None else None
    if reserved is None:
        return None
    observed = history.observed
    return reserved.after(sum(name not in observed or observed[name].result != "not_sent" for name in history.intended))
