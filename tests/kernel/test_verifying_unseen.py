"""A target that cannot be seen while what was written settles: it is left time, and its breaker stays closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, Peer, World

ON = """
async def plan(self, intent, host):
    lamps = (await host.read("state")).json()["lamps"]
    return Plan([self.on(lamp) for lamp in intent["lamps"] if not lamps[lamp]])
"""
SETTLES = {"repeatable: true": "repeatable: true\n    settle_s: 2"}


def blind_after_the_write(peer: Peer, looks: int) -> list[str]:
    """Have `looks` reads fail once something was written; the reads since then."""
    since: list[str] = []
    well = peer.read

    def read(path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        if peer.writes:
            since.append(path)
            if len(since) <= looks:
                return 503, {"error": "restarting"}
        return well(path, query)

    peer.read = read  # type: ignore[method-assign]
    return since


@pytest.mark.parametrize(
    ("looks", "outcome", "code"), [(1, Outcome.CONVERGED, None), (99, Outcome.FAILED, Code.TARGET_STATUS)]
)
async def test_it_is_looked_at_seldom_and_its_breaker_stays_closed(
    world: World, attackers: Attackers, looks: int, outcome: Outcome, code: Code | None
) -> None:
    (world.home.root / "infrafabric.toml").write_text("[governor]\nfailures = 2\n")
    async with world.opened() as house:
        name = await attackers.install(house, ON, **SETTLES)
        since = blind_after_the_write(world.peer, looks)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        assert (report.outcome, report.error.code if report.error else None) == (outcome, code)
        assert list(house.log.facts.scan("breaker")) == [], "one action's looks are one failure"
    assert 2 <= len(since) <= 3, "at once, after a second, and once more when the time is over"
