"""Admit and resolve: who asks, may they, how often, and with which verified code it will be done.

In this order, so that a refused call costs others nothing: authenticate → authorize (planning discloses what the target
holds) → rate and planning quota → what the intent says. Unknown callers and shed requests are counted, not logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jsonschema.protocols import Validator

from infrafabric.kernel.applying import operator_records
from infrafabric.kernel.ask import Ask
from infrafabric.kernel.canonical import dumps, loads
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.granting import standing
from infrafabric.kernel.parts import Journey, Parts, program_of
from infrafabric.kernel.ports import Capability, Question
from infrafabric.kernel.retrying import rfc3339
from infrafabric.kernel.schemas import compile_schema, misfit
from infrafabric.kernel.stations import OnStation
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.things import Talent

__all__ = ["authenticate", "authorize", "check_intent", "check_own_tenant", "set_out"]


def authenticate(parts: Parts, talent: str) -> Talent:
    """The talent behind the ask. Raises IF_ERR_TALENT_UNKNOWN, IF_ERR_TALENT_REVOKED, counted per talent."""
    try:
        return parts.authority.talent(talent)
    except FabricError as error:
        parts.count(error.code, talent)
        raise


def check_own_tenant(parts: Parts, action: str, talent: Talent) -> None:
    """Raise IF_ERR_ACTION_UNKNOWN where the action is another tenant's: to the talent it is one that is not there.

    An action whose request was erased has no tenant any more, and is told apart by nobody.
    """
    asked = parts.log.facts.get("action", action)
    if asked is not None and asked["tenant"] != talent.tenant:
        raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {action}")


def set_out(parts: Parts, ask: Ask, action: str, talent: Talent, watcher: OnStation | None) -> Journey:
    """Find the capability, target and driver for an ask. Raises the registry's and the authority's reasons."""
    capability = parts.registry.resolve(ask.capability)
    target = parts.authority.target_for(ask.capability, ask.target, talent.tenant)
    journey = Journey(
        parts=parts,
        ask=replace(ask, intent=_as_recorded(ask.intent)),
        action=action,
        talent=talent,
        target=target,
        capability=capability,
        program=program_of(capability),
        driver=parts.driver(capability.manifest.driver),
        secrets={},
        watcher=watcher,
    )
    journey.records = operator_records(journey)
    try:
        granted = standing(parts.authority, talent, capability.manifest, target, ask.intent, parts.now())
    except ValueError:
        message = f"a grant of {talent.id} on {target.name} cannot be read (guard/error)"
        raise FabricError(Code.DENIED, message) from None
    journey.expires = granted.expires
    if ask.deadline_s is not None:
        journey.due = parts.monotonic() + ask.deadline_s
        journey.deadline = rfc3339(parts.now() + timedelta(seconds=ask.deadline_s))
    return journey


def _as_recorded(intent: Mapping[str, Any]) -> dict[str, Any]:
    """The intent in the form and order in which the log gives it back: what is planned from it now, by a replay, by an
    undo or after people agreed is the same. Raises IF_ERR_JSON_INVALID."""
    text = dumps(dict(intent))
    recorded: dict[str, Any] = loads(text, limit=len(text))
    return recorded


def authorize(journey: Journey) -> None:
    """Raise IF_ERR_NOT_GRANTED or IF_ERR_DENIED where the talent may not even plan here."""
    ask = journey.ask
    question = Question(
        journey.talent, journey.capability, journey.target, None, (), ask.purpose != "apply", ask.purpose, ask.intent,
        unattended=ask.unattended,
    )  # fmt: skip
    decision = journey.parts.guard.decide(question)
    if decision.verdict is not Verdict.SHARE:
        raise denied(journey, decision)


def denied(journey: Journey, decision: Decision) -> FabricError:
    """The refusal for a verdict other than SHARE."""
    if decision.verdict is not Verdict.DENY:
        return FabricError(Code.APPROVAL_REQUIRED, f"{decision.verdict.value}: {decision.reason}")
    if "grants/none" in decision.rules:
        name = journey.capability.manifest.name
        return FabricError(Code.NOT_GRANTED, f"{journey.talent.id} was not granted {name} on {journey.target.name}")
    return FabricError(Code.DENIED, f"{decision.reason} ({', '.join(decision.rules)})")


async def check_intent(journey: Journey) -> None:
    """Open the target's secrets, then see that the intent is small, valid and holds none of them.

    Raises IF_ERR_TOO_LARGE, IF_ERR_ARGUMENT_SECRET, IF_ERR_INTENT_INVALID, IF_ERR_TARGET_SETTINGS, IF_ERR_SECRET_*.
    """
    parts, manifest, target = journey.parts, journey.capability.manifest, journey.target
    for name in manifest.requires.settings:
        if name not in target.settings:
            raise FabricError(Code.TARGET_SETTINGS, f"{target.name} has no setting {name}")
    for name in manifest.requires.secrets:
        if name not in target.secrets:
            raise FabricError(Code.TARGET_SETTINGS, f"{target.name} has no secret {name}")
    if manifest.requires.secrets:
        wanted = {name: target.secrets[name] for name in manifest.requires.secrets}
        journey.secrets = await parts.secrets.open(wanted, target)
    text = dumps(dict(journey.ask.intent))
    if len(text) > parts.limits.intent_bytes:
        raise FabricError(Code.TOO_LARGE, f"an intent of {len(text)} bytes where {parts.limits.intent_bytes} are taken")
    for what, said in (("intent", text.decode()), ("idempotency key", journey.ask.idempotency_key)):
        if journey.holds_secret(said):
            raise FabricError(Code.ARGUMENT_SECRET, f"the {what} holds a secret's value")
    if journey.holds_secret(" ".join(journey.ask.hazards)):
        raise FabricError(Code.ARGUMENT_SECRET, "a hazard holds a secret's value")
    claim = journey.ask.claim
    if claim is not None and journey.holds_secret(dumps(claim.as_json()).decode()):
        raise FabricError(Code.ARGUMENT_SECRET, "the claim holds a secret's value")
    journey.scanned = True
    problem = misfit(_validator(journey.capability), dict(journey.ask.intent))
    if problem is not None:
        where, why = problem
        raise FabricError(Code.INTENT_INVALID, f"{where or 'the intent'} does not fit {why}")


_VALIDATORS: dict[str, Validator] = {}
_REMEMBERED = 256


def _validator(capability: Capability) -> Validator:
    """The validator of a capability's intents; made once a bundle."""
    validator = _VALIDATORS.get(capability.digest)
    if validator is None:
        if len(_VALIDATORS) >= _REMEMBERED:
            _VALIDATORS.clear()
        validator = _VALIDATORS[capability.digest] = compile_schema(dict(capability.manifest.intent))
    return validator
