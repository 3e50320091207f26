"""The fold: what the log's entries amount to, as facts that are quick to look up.

`project` is pure and runs inside the append's transaction, so a fact is never newer or older than its entry, and all
facts can be made again from the stored bodies. Tables:

| table | key | value |
|---|---|---|
| `target`, `talent`, `grant` | name, id, `Grant.key` | the signed body that last set it |
| `action` | action | what was asked, by whom, when, under which trace |
| `state` | action | where the action stands |
| `open` | action | present until the action is closed or refused |
| `doubt` | `action change` | present from `effect.intended` to `effect.observed` |
| `idempotency` | `talent key` | action and digest of what was asked |
| `idempotency` | `#salt:digest` | action; its request was erased, see `BodyErased` |
| `undone` | action | the action that took it back, is about to, or may have |
| `api_key`, `identity`, `passkey` | `ApiKey.id`, `Identity.key`, `Passkey.id` | the signed body that last set it |
| `role`, `budget`, `policy` | `Role.key`, `Budget.key`, `set` | the signed body that last set it |
| `claim` | `tenant topic scope talent` | the number that the talent last claimed there, in which action, and when |
| `claim` | the same | the same with `action` "", where it was said in a message |
| `sender` | talent | the `seq` of its last admitted message, when, and that message's id |
| `nonce` | `talent seq` | a nonce of the sender that may not come again, and until when |
| `source` | action | the waiting action that it was a second source for; it is none for another |
| `pending` | action | present while it waits for people: its question, asker, target and digests |
| `spent` | `day action` | what it reserved on that day (UTC), then what it spent of it, and whose that is |
| `spent` | `day action` | the same with `#salt:digest` as its talent: it was erased, see `BodyErased` |
| `decided` | `day action` | the verdict that the action got on that day, and whose it is |
| `stop` | `scope name` | present while new writes are halted |
| `breaker` | `capability target` | present while its breaker is not closed |
| `trust` | `version` | highest trust set version seen |
| `trust` | `grace` | the grace last given, and the digest of its set |
| `adapter` | capability | version and digest last loaded |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.claims import topic_key
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Spending

__all__ = ["ERASED_KEY", "ask_digest", "nonce_key", "project"]

ERASED_KEY = "#"
"""Begins the keys of `idempotency` whose request was erased. No talent's id begins so."""


def ask_digest(body: e.ActionReceived) -> str:
    """What an idempotency key stands for: the same capability, target, purpose and intent."""
    return sha256(dumps([body.capability, body.target, body.purpose, body.undoes, dict(body.intent)]))


def project(entry: Entry, index: int, at: str) -> Iterable[e.Fact]:
    """The facts that `entry` sets. See the module's table."""
    body = entry.body
    match body:
        case e.TargetChanged():
            yield _record("target", body.value.name, body)
        case e.TalentChanged():
            yield e.Fact("talent", body.value.id, body.as_json())
        case e.GrantChanged():
            yield _record("grant", body.value.key, body)
        case e.RoleChanged():
            yield _record("role", body.value.key, body)
        case e.BudgetChanged():
            yield _record("budget", body.value.key, body)
        case e.ApiKeyChanged():
            yield _record("api_key", body.value.id, body)
        case e.IdentityChanged():
            yield _record("identity", body.value.key, body)
        case e.PasskeyChanged():
            yield _record("passkey", body.value.id, body)
        case e.PolicyChanged():
            yield e.Fact("policy", "set", body.as_json())
        case e.StopChanged():
            halted = {"at": at, "why": body.why, "talent": body.talent} if body.change == "set" else None
            yield e.Fact("stop", f"{body.scope} {body.name}", halted)
        case e.BreakerChanged():
            value = {"state": body.state, "failures": body.failures, "cause": body.cause, "until": body.until}
            yield e.Fact(
                "breaker", f"{body.capability} {body.target}", None if body.state == "closed" else {**value, "at": at}
            )
        case e.TrustChanged():
            yield e.Fact("trust", "version", {"version": body.version, "digest": body.digest})
        case e.TrustGraced():
            yield e.Fact("trust", "grace", {"trust": body.trust, "document": dict(body.document)})
        case e.AdapterLoaded():
            yield e.Fact("adapter", body.capability, {"version": body.version, "adapter": body.adapter, "at": at})
        case e.AdapterUnloaded():
            yield e.Fact("adapter", body.capability, None)
        case e.MessageAdmitted():
            yield from _message(body, at)
        case e.BodyErased():
            if body.undone:
                yield e.Fact("undone", body.undone, {"action": body.action})
            if body.idempotency:
                yield e.Fact("idempotency", f"{ERASED_KEY}{body.idempotency}", {"action": body.action})
            if body.spent:
                yield e.Fact("spent", body.spent["key"], dict(body.spent["value"]))
        case _ if entry.action:
            yield from _action(entry, index, at)
        case _:
            pass


_Record = (
    e.TargetChanged
    | e.GrantChanged
    | e.RoleChanged
    | e.BudgetChanged
    | e.ApiKeyChanged
    | e.IdentityChanged
    | e.PasskeyChanged
)


def _record(table: str, key: str, body: _Record) -> e.Fact:
    return e.Fact(table, key, body.as_json() if body.change == "set" else None)


def nonce_key(sender: str, seq: int) -> str:
    """The key of a nonce among the facts: a sender's stand in the order of its messages."""
    return f"{sender} {seq:016d}"


def _message(body: e.MessageAdmitted, at: str) -> Iterator[e.Fact]:
    yield e.Fact("sender", body.talent, {"seq": body.seq, "at": at, "id": body.id})
    yield e.Fact("nonce", nonce_key(body.talent, body.seq), {"nonce": body.nonce, "until": body.until})
    for key in body.dropped:
        if key.startswith(f"{body.talent} "):
            yield e.Fact("nonce", key, None)
    if body.claim_topic:
        yield e.Fact("claim", f"{body.claim_topic}{body.talent}", {"value": body.claim_value, "action": "", "at": at})


def _action(entry: Entry, index: int, at: str) -> Iterator[e.Fact]:
    action, body = entry.action, entry.body
    match body:
        case e.ActionReceived():
            yield e.Fact(
                "action",
                action,
                {
                    "capability": body.capability,
                    "talent": body.talent,
                    "target": body.target,
                    "tenant": body.tenant,
                    "trace": body.trace,
                    "purpose": body.purpose,
                    "why": body.why,
                    "at": at,
                    "index": index,
                },
            )
            yield e.Fact("open", action, {"at": at})
            yield _state(action, at, "received")
            if body.idempotency_key:
                value = {"action": action, "digest": ask_digest(body)}
                yield e.Fact("idempotency", f"{body.talent} {body.idempotency_key}", value)
            if body.undoes:
                yield e.Fact("undone", body.undoes, {"action": action})
            if body.claim is not None and (topic := topic_key(body.tenant, body.claim)):
                yield e.Fact(
                    "claim", f"{topic}{body.talent}", {"value": str(body.claim.value), "action": action, "at": at}
                )
        case e.ActionPlanned():
            yield _state(action, at, "planned")
        case e.ActionDecided():
            yield from _decided(action, at, body)
        case e.ApprovalGiven() if body.source:
            yield e.Fact("source", body.source, {"action": action})
        case e.EffectIntended():
            yield e.Fact("doubt", f"{action} {body.change}", {"effect": body.effect, "at": at, "index": index})
            yield _state(action, at, "applying")
        case e.EffectObserved():
            yield e.Fact("doubt", f"{action} {body.change}", None)
        case e.ActionRefused():
            yield e.Fact("open", action, None)
            yield e.Fact("pending", action, None)
            if body.spent is not None:
                yield e.Fact("spent", _spent_key(action, at, body.spent), None)
            yield _state(action, at, Outcome.REFUSED.value, body.code, body.message)
            if body.undoes:
                yield e.Fact("undone", body.undoes, None)
            if body.idempotency_key:
                yield e.Fact("idempotency", f"{body.talent} {body.idempotency_key}", None)
        case e.ActionClosed():
            yield e.Fact("open", action, None)
            if body.spent is not None:
                yield _spent(action, at, body, body.capability, body.spent, settled=True)
            yield _state(action, at, body.outcome.value, body.code, body.message)
            if body.undoes and body.outcome is Outcome.FAILED and not body.taken:
                yield e.Fact("undone", body.undoes, None)
        case _:
            pass


def _decided(action: str, at: str, body: e.ActionDecided) -> Iterator[e.Fact]:
    given = {"verdict": body.decision.verdict.value, **_whose(body, body.capability)}
    yield e.Fact("decided", f"{at[:10]} {action}", given)
    if body.reserved is not None:
        yield _spent(action, at, body, body.capability, body.reserved, settled=False)
    if body.pending is None:
        yield e.Fact("pending", action, None)
        yield _state(action, at, "decided")
        return
    asked = {"at": at, "talent": body.talent, "tenant": body.tenant, "target": body.target, "trace": body.trace}
    digests = {"changes_digest": body.changes_digest, "context_digest": body.context_digest}
    verdict = {"verdict": body.decision.verdict.value, "reason": body.decision.reason, "capability": body.capability}
    yield e.Fact("pending", action, {**asked, **digests, **verdict, "pending": body.pending.as_json()})
    yield _state(action, at, Outcome.WAITING.value)


def _spent(action: str, at: str, body: e.Body, capability: str, spending: Spending, *, settled: bool) -> e.Fact:
    value = {"at": at, "settled": settled, **_whose(body, capability), **spending.as_json()}
    return e.Fact("spent", _spent_key(action, at, spending), value)


def _spent_key(action: str, at: str, spending: Spending) -> str:
    """Begins with the day, so that a month's rows are found without looking through years."""
    return f"{spending.day or at[:10]} {action}"


def _whose(body: e.Body, capability: str) -> dict[str, str]:
    return {"talent": body.talent, "tenant": body.tenant, "capability": capability, "target": body.target}


def _state(action: str, at: str, state: str, code: str = "", message: str = "") -> e.Fact:
    return e.Fact("state", action, {"state": state, "code": code, "message": message, "at": at})
