"""Someone sets the wall clock back to the hours in which a policy permits: the guard goes by accounted time."""

from __future__ import annotations

from datetime import UTC, datetime

from policies import PERMIT, Records, question

from infrafabric.kernel.clock import AccountedClock
from infrafabric.kernel.words.plan import Verdict
from infrafabric.policy.cedar_guard import CedarGuard

DAYTIME = (
    '@id("by-day") @reason("only from 9 to 17") forbid (principal, action == Action::"apply", resource)'
    "when { context.time.hour < 9 || context.time.hour >= 17 };"
)
EVENING = datetime(2026, 1, 5, 20, tzinfo=UTC).timestamp()
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()


class Hands:
    """A wall clock that can be set, and one that cannot."""

    def __init__(self, wall: float) -> None:
        self.wall, self.steady = wall, 0.0


def test_a_clock_set_back_while_the_kernel_runs_permits_nothing() -> None:
    hands = Hands(EVENING)
    clock = AccountedClock(0.0, lambda: hands.wall, lambda: hands.steady)
    guard = CedarGuard(Records({"a.cedar": PERMIT + DAYTIME}), clock)
    assert guard.decide(question()).rules == ("by-day",)
    hands.wall = NOON
    assert guard.decide(question()).rules == ("by-day",)


def test_a_clock_set_back_before_the_kernel_starts_permits_nothing() -> None:
    """The log's last entry was written in the evening."""
    hands = Hands(NOON)
    clock = AccountedClock(EVENING, lambda: hands.wall, lambda: hands.steady)
    decision = CedarGuard(Records({"a.cedar": PERMIT + DAYTIME}), clock).decide(question())
    assert (decision.verdict, decision.reason) == (Verdict.DENY, "only from 9 to 17")


def test_time_that_passes_is_seen() -> None:
    hands = Hands(NOON)
    clock = AccountedClock(0.0, lambda: hands.wall, lambda: hands.steady)
    guard = CedarGuard(Records({"a.cedar": PERMIT + DAYTIME}), clock)
    assert guard.decide(question()).verdict is Verdict.SHARE
    hands.steady += 8 * 3600
    assert guard.decide(question()).verdict is Verdict.DENY
