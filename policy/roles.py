"""Roles: which a talent holds, by itself and by inclusion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.policy import Role

__all__ = ["held", "inclusions"]


def held(roles: Iterable[str], facts: Facts, tenant: str) -> frozenset[str]:
    """`roles` and all that they include in `tenant`, at any depth. A role that nobody defined includes nothing, and
    roles that include each other are the same as held together.

    `facts` are those that `kernel.authority.Authority` believes.
    """
    found: set[str] = set()
    waiting = list(roles)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        fact = facts.get("role", Role(name=name, tenant=tenant).key)
        if fact is not None:
            waiting.extend(Role.model_validate(fact).includes)
    return frozenset(found)


def inclusions(facts: Facts, tenant: str) -> Mapping[str, frozenset[str]]:
    """Each role that was defined in `tenant`, with all that its holders hold."""
    rows: list[tuple[str, Any]] = list(facts.scan("role", f"{tenant} "))
    return {value["name"]: held([value["name"]], facts, tenant) for _, value in rows}
