"""What erasing a body takes along, and what may not be erased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Project
from infrafabric.kernel.words.entries import Kind, erased_talent
from infrafabric.witness.facts import decode, project_facts
from infrafabric.witness.leaf import Leaf
from infrafabric.witness.store import Erasure, Reader

__all__ = ["Protected", "hidden", "plan_erasure", "protected"]

_KEPT = frozenset({Kind.BODY_ERASED, Kind.ORIGIN_OPENED, Kind.CLOCK_CONFIRMED, Kind.LOG_REKEYED})
_LIMITS = frozenset({"budget", "stop", "sender", "nonce"})
"""Tables of facts that forbid something: without them more would be allowed."""
_ENDS = frozenset({Kind.ACTION_CLOSED, Kind.ACTION_REFUSED})


@dataclass(frozen=True, slots=True)
class Protected:
    """What an entry protects against that its erasure must not permit. The fields are those of `BodyErased`."""

    action: str = ""
    undone: str = ""
    idempotency: tuple[str, ...] = ()
    """The key of the fact, still to be hidden; at most one."""
    spent: tuple[tuple[str, bytes], ...] = ()
    """Key and value of the fact of what the action spent, its talent still to be hidden; at most one."""


def protected(reader: Reader, project: Project, index: int) -> Protected:
    """What is to outlive the body of entry `index`: the marks that it set and that still hold."""
    row = reader.row(index)
    entry = decode(row) if row is not None else None
    if row is None or entry is None:
        return Protected()
    undone = ""
    idempotency: tuple[str, ...] = ()
    spent: tuple[tuple[str, bytes], ...] = ()
    for fact in project_facts(project, entry, index, Leaf.parse(row.leaf).at):
        if fact.value is None or reader.fact(fact.table, fact.key) != fact.value:
            continue
        if fact.table == "undone":
            undone = fact.key
        elif fact.table == "idempotency":
            idempotency = (fact.key,)
        elif fact.table == "spent":
            spent = ((fact.key, fact.value),)
    return Protected(row.action if undone or idempotency or spent else "", undone, idempotency, spent)


def plan_erasure(reader: Reader, project: Project, index: int) -> Erasure:
    """What is to be taken away with the body of entry `index`.

    The facts that only this entry set go as well: an erased grant is no grant. What protects against a second act is
    set again by the account of the erasure; see `protected`.

    Raises IF_ERR_ENTRY_UNKNOWN, IF_ERR_BODY_ERASED (already), IF_ERR_ERASE_REFUSED (the action is open and its recovery
    would need the body, or the entry accounts for an erasure, an origin or the clock, or a budget, a stop, a sender's
    last number or a remembered nonce rests on it).
    """
    row = reader.row(index)
    if row is None:
        raise FabricError(Code.ENTRY_UNKNOWN, f"the log has no entry {index}")
    entry = decode(row)
    if entry is None:
        raise FabricError(Code.BODY_ERASED, f"the body of entry {index} was erased before")
    if entry.kind in _KEPT:
        raise FabricError(Code.ERASE_REFUSED, f"entry {index} is {entry.kind} and accounts for the log itself")
    if row.action and not any(other.kind in _ENDS for other in reader.of_action(row.action)):
        raise FabricError(Code.ERASE_REFUSED, f"entry {index} belongs to action {row.action}, which is open")
    facts = project_facts(project, entry, index, Leaf.parse(row.leaf).at)
    for fact in facts:
        if fact.table in _LIMITS and fact.value is not None and reader.fact(fact.table, fact.key) == fact.value:
            raise FabricError(Code.ERASE_REFUSED, f"on entry {index} rests the {fact.table} {fact.key}, which holds")
    return Erasure(index, tuple({fact[:2]: None for fact in facts}))


def hidden(key: str, value: bytes, salt: bytes) -> dict[str, Any]:
    """`BodyErased.spent` of a fact: the talent can only be recognised, and where it acted is left out."""
    spent = orjson.loads(value)
    return {"key": key, "value": {**spent, "talent": erased_talent(spent["talent"], salt), "target": ""}}
