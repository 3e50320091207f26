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
| `trust` | `version` | highest trust set version seen |
| `trust` | `grace` | the grace last given, and the digest of its set |
| `adapter` | capability | version and digest last loaded |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.plan import Outcome

__all__ = ["ERASED_KEY", "ask_digest", "project"]

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
        case e.TrustChanged():
            yield e.Fact("trust", "version", {"version": body.version, "digest": body.digest})
        case e.TrustGraced():
            yield e.Fact("trust", "grace", {"trust": body.trust, "document": dict(body.document)})
        case e.AdapterLoaded():
            yield e.Fact("adapter", body.capability, {"version": body.version, "adapter": body.adapter, "at": at})
        case e.AdapterUnloaded():
            yield e.Fact("adapter", body.capability, None)
        case e.BodyErased():
            if body.undone:
                yield e.Fact("undone", body.undone, {"action": body.action})
            if body.idempotency:
                yield e.Fact("idempotency", f"{ERASED_KEY}{body.idempotency}", {"action": body.action})
        case _ if entry.action:
            yield from _action(entry, index, at)
        case _:
            pass


def _record(table: str, key: str, body: e.TargetChanged | e.GrantChanged) -> e.Fact:
    return e.Fact(table, key, body.as_json() if body.change == "set" else None)


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
        case e.ActionPlanned():
            yield _state(action, at, "planned")
        case e.ActionDecided():
            yield _state(action, at, "decided")
        case e.EffectIntended():
            yield e.Fact("doubt", f"{action} {body.change}", {"effect": body.effect, "at": at, "index": index})
            yield _state(action, at, "applying")
        case e.EffectObserved():
            yield e.Fact("doubt", f"{action} {body.change}", None)
        case e.ActionRefused():
            yield e.Fact("open", action, None)
            yield _state(action, at, Outcome.REFUSED.value, body.code, body.message)
            if body.undoes:
                yield e.Fact("undone", body.undoes, None)
            if body.idempotency_key:
                yield e.Fact("idempotency", f"{body.talent} {body.idempotency_key}", None)
        case e.ActionClosed():
            yield e.Fact("open", action, None)
            yield _state(action, at, body.outcome.value, body.code, body.message)
            if body.undoes and body.outcome is Outcome.FAILED:
                yield e.Fact("undone", body.undoes, None)
        case _:
            pass


def _state(action: str, at: str, state: str, code: str = "", message: str = "") -> e.Fact:
    return e.Fact("state", action, {"state": state, "code": code, "message": message, "at": at})
