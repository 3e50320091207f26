"""The clock is set back so that a question whose time is over could be answered after all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from policies import Rows

from infrafabric.kernel.clock import AccountedClock
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.policy import Needs
from infrafabric.policy.approvals import PeopleApprovals

ASKED_AT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_over_stays_over(restarted: bool) -> None:
    """In a kernel that goes on by time that nobody sets, in one that starts anew by the log's last entry."""
    wall, steady = [ASKED_AT], [50.0]
    clock = AccountedClock(wall=lambda: wall[0], steady=lambda: steady[0])
    decision = Decision(verdict=Verdict.ESCALATE, rules=("r",), reason="", needs=Needs(wait_s=60))
    approvals = PeopleApprovals(Rows(), now=clock)
    expires = approvals.ask(decision).expires
    assert not approvals.overdue(expires)
    steady[0] += 61
    wall[0] = ASKED_AT - 3_600
    if restarted:
        later = AccountedClock(floor=ASKED_AT + 61, wall=lambda: wall[0], steady=lambda: steady[0])
        approvals = PeopleApprovals(Rows(), now=later)
    assert approvals.overdue(expires)
