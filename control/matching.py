"""Matching on a home: gathers what there is and what is known of it, for `kernel.matching`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from infrafabric.control.health import known_health
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.matching import Condition, Ground, Matches, Offer, Task, match
from infrafabric.kernel.ports import Question
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.things import Talent, Target

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["HouseMatcher"]


class HouseMatcher:
    """Implements the kernel's port `Matcher` on an open house, in whatever mode. Reads; asks nothing of any target."""

    def __init__(self, house: House) -> None:
        self._house = house

    def find(self, task: Task) -> Matches:
        """What fits now, the best first. Of capabilities that may not be used the reason is told."""
        return match(task, self._ground(task))

    def _ground(self, task: Task) -> Ground:
        house = self._house
        authority = house.authority
        talents = []
        for _, value in authority.scan("talent"):
            members = dict(value)
            if not members.pop("revoked"):
                talents.append(Talent.model_validate(members))
        seen = known_health(house.home.root)
        return Ground(
            offers=self._offers(),
            targets=[Target.model_validate(value) for _, value in authority.scan("target")],
            talents=talents,
            facts=authority,
            now=house.clock(),
            conditions={name: Condition(one.state, one.detail) for name, one in seen.items()},
            load=self._load(),
            opinion=self._opinion(task.intent),
        )

    def _opinion(self, intent: Mapping[str, Any]) -> Callable[[Talent, Manifest, Target], str]:
        """Asks the guard what the kernel will ask it first: may this talent plan here."""
        from infrafabric.policy.cedar_guard import CedarGuard

        guard = CedarGuard(self._house.authority, self._house.clock)

        def opinion(talent: Talent, manifest: Manifest, target: Target) -> str:
            capability = self._house.registry.resolve(manifest.id)
            question = Question(talent, capability, target, None, (), dry_run=True, purpose="plan", intent=intent)
            decision = guard.decide(question)
            return "" if decision.verdict is Verdict.SHARE else f"{decision.verdict.value}: {decision.reason}"

        return opinion

    def _offers(self) -> list[Offer]:
        """One offer for each capability: the usable bundle, else the reason of the first that may not be used."""
        offers: dict[str, Offer] = {}
        for row in self._house.registry.list():
            if row.manifest is None:
                continue
            reason = "" if row.reason is None else f"{row.reason.code.value}: {row.reason.message}"
            known = offers.get(row.id)
            if known is None or (known.reason and not reason):
                offers[row.id] = Offer(row.manifest, reason)
        return list(offers.values())

    def _load(self) -> Counter[str]:
        """Actions that are open, by target and by talent."""
        facts = self._house.reading.facts
        load: Counter[str] = Counter()
        for action, _ in facts.scan("open"):
            try:
                asked = facts.get("action", action)
            except FabricError:  # it ranks only
                asked = None
            if asked is not None:
                load.update((asked["target"], asked["talent"]))
        return load
