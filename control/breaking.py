"""Breakers as the log holds them: which are open, and the entries by which a person closes them."""

from __future__ import annotations

from typing import Any

from infrafabric.kernel.ports import Entry, Facts
from infrafabric.kernel.words.entries import BreakerChanged, Kind

__all__ = ["closings", "known_breakers"]


def known_breakers(facts: Facts) -> dict[str, list[dict[str, Any]]]:
    """The breakers that are not closed, by target: `capability`, `state`, `failures`, `cause`, `until`, `at`."""
    found: dict[str, list[dict[str, Any]]] = {}
    for key, fact in facts.scan("breaker"):
        capability, _, target = key.partition(" ")
        found.setdefault(target, []).append({"capability": capability, **fact})
    return found


def closings(facts: Facts, target: str, *, tenant: str, trace: str, why: str) -> list[Entry]:
    """The entries that close every breaker of a target."""
    return [
        Entry(
            Kind.BREAKER_CHANGED,
            BreakerChanged(
                tenant=tenant, target=target, trace=trace, capability=fact["capability"], state="closed", why=why
            ),
        )
        for fact in known_breakers(facts).get(target, ())
    ]
