"""Budgets: what is set aside, what is settled, what refuses, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ledger_bench import AGENT, CAPABILITY, TALENT, TARGET, LedgerBench

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.policy import Spending, Unit
from infrafabric.kernel.words.things import Talent

DOLLAR = 1_000_000


def usd(amount: int, requests: int = 1) -> Spending:
    return Spending(requests=requests, money=amount, currency="USD")


def refused(bench: LedgerBench, wanted: Spending, **whose: object) -> FabricError:
    with pytest.raises(FabricError) as caught:
        bench.reserve(wanted, **whose)  # type: ignore[arg-type]
    assert caught.value.code is Code.BUDGET_EXCEEDED
    return caught.value


def test_what_is_not_spent_is_free_again() -> None:
    bench = LedgerBench()
    bench.budget(10 * DOLLAR, unit=Unit.MONEY, currency="USD")
    action = bench.reserve(usd(8 * DOLLAR))
    refused(bench, usd(3 * DOLLAR))
    bench.close(action, usd(2 * DOLLAR))
    bench.reserve(usd(8 * DOLLAR))
    refused(bench, usd(1))


def test_a_refused_action_frees_everything() -> None:
    bench = LedgerBench()
    bench.budget(5)
    action = bench.reserve(Spending(requests=5))
    bench.refuse(action)
    bench.reserve(Spending(requests=5))
    assert bench.taken() == 5


def test_the_refusal_names_budget_limit_used_and_asked_and_tells_when() -> None:
    bench = LedgerBench("2026-11-21T12:00:00+00:00")
    bench.budget(25 * DOLLAR, unit=Unit.MONEY, currency="USD")
    bench.reserve(usd(24 * DOLLAR))
    error = refused(bench, usd(1_500_000))
    assert error.message == (
        f"the budget talent:{AGENT} per day has a limit of 25.00 USD; used or set aside: 24.00 USD, asked for: 1.50 USD"
    )
    assert error.retry_after == 12 * 3600


def test_the_wait_is_that_of_the_budget_that_lasts_longest() -> None:
    bench = LedgerBench("2026-12-31T23:00:00+00:00")
    bench.budget(1)
    bench.budget(1, period="month", subject="tenant:default")
    bench.reserve(Spending(requests=1))
    assert refused(bench, Spending(requests=1)).retry_after == 3600
    bench.now = datetime(2027, 2, 1, 23, tzinfo=UTC)
    bench.reserve(Spending(requests=1))
    assert refused(bench, Spending(requests=1)).retry_after == 27 * 86_400 + 3600


def test_what_never_fits_has_no_time_to_wait_for() -> None:
    bench = LedgerBench()
    bench.budget(0)
    error = refused(bench, Spending(requests=1))
    assert error.retry_after is None
    assert "never fits" in error.remedy
    bench.reserve(Spending())


def test_it_is_all_or_nothing_over_talent_capability_and_tenant() -> None:
    bench = LedgerBench()
    bench.budget(10)
    bench.budget(10, subject=f"capability:{CAPABILITY}")
    bench.budget(2, subject="tenant:default", period="month")
    refused(bench, Spending(requests=3))
    assert [standing.used + standing.reserved for standing in bench.ledger.standings()] == [0, 0, 0]
    bench.reserve(Spending(requests=2))
    assert [standing.reserved for standing in bench.ledger.standings()] == [2, 2, 2]


def test_another_talents_spending_counts_for_the_tenant_and_not_for_the_talent() -> None:
    bench = LedgerBench()
    bench.budget(3)
    bench.budget(4, subject="tenant:default")
    other = Talent(id="if://agent/Other")
    bench.reserve(Spending(requests=3), talent=other)
    bench.reserve(Spending(requests=1))
    assert "tenant:default" in refused(bench, Spending(requests=1)).message


def test_tenants_do_not_share_the_budget_of_a_capability() -> None:
    bench = LedgerBench()
    bench.budget(1, subject=f"capability:{CAPABILITY}")
    bench.budget(2, subject=f"capability:{CAPABILITY}", tenant="other")
    other = Talent(id="if://agent/Other", tenant="other")
    bench.reserve(Spending(requests=2), talent=other)
    bench.reserve(Spending(requests=1))
    refused(bench, Spending(requests=1))
    refused(bench, Spending(requests=1), talent=other)
    assert bench.ledger.reserve(Talent(id=AGENT, tenant="third"), CAPABILITY, TARGET, "a", Spending(requests=9))


def test_a_name_that_begins_like_another_is_another() -> None:
    bench = LedgerBench()
    bench.budget(0, subject=f"capability:{CAPABILITY}")
    bench.reserve(Spending(requests=1), capability=f"{CAPABILITY}x")


def test_money_in_a_currency_without_a_budget_is_refused_where_there_are_others() -> None:
    bench = LedgerBench()
    bench.budget(25 * DOLLAR, unit=Unit.MONEY, currency="USD")
    error = refused(bench, Spending(requests=1, money=1, currency="EUR"))
    assert "has budgets in USD only" in error.message and error.retry_after is None
    bench.budget(1 * DOLLAR, unit=Unit.MONEY, currency="EUR", period="month")
    bench.reserve(Spending(requests=1, money=DOLLAR, currency="EUR"))
    bench.reserve(usd(25 * DOLLAR))


def test_tokens_are_counted_for_themselves() -> None:
    bench = LedgerBench()
    bench.budget(1000, unit=Unit.TOKENS)
    bench.reserve(Spending(requests=1, tokens=900))
    assert "used or set aside: 900 tokens" in refused(bench, Spending(requests=1, tokens=101)).message
    bench.reserve(Spending(requests=50))


def test_a_day_ends_at_midnight_utc_and_a_month_with_it() -> None:
    bench = LedgerBench("2026-11-30T23:59:59+00:00")
    bench.budget(1)
    bench.budget(2, period="month", subject="tenant:default")
    bench.reserve(Spending(requests=1))
    refused(bench, Spending(requests=1))
    bench.now += timedelta(seconds=1)
    bench.reserve(Spending(requests=1))
    refused(bench, Spending(requests=1))
    assert bench.taken("tenant:default") == 1


def test_what_is_settled_in_the_next_period_counts_where_it_was_set_aside() -> None:
    bench = LedgerBench("2026-11-30T23:59:00+00:00")
    bench.budget(2)
    bench.budget(2, subject="tenant:default", period="month")
    action = bench.reserve(Spending(requests=2))
    bench.now += timedelta(hours=1)
    bench.reserve(Spending(requests=1))
    bench.close(action, Spending(requests=2))
    assert bench.taken() == 1 and bench.taken("tenant:default") == 1
    bench.reserve(Spending(requests=1))
    refused(bench, Spending(requests=1))
    bench.now -= timedelta(hours=1)
    assert bench.taken() == 2


def test_a_budget_that_is_changed_within_its_period_keeps_what_was_used() -> None:
    bench = LedgerBench()
    bench.close(bench.reserve(Spending(requests=6)), Spending(requests=6))
    bench.budget(10)
    bench.reserve(Spending(requests=4))
    refused(bench, Spending(requests=1))
    bench.budget(11)
    bench.reserve(Spending(requests=1))
    bench.budget(3)
    error = refused(bench, Spending(requests=1))
    assert "a limit of 3 requests; used or set aside: 11 requests" in error.message
    bench.budget(3, change="removed")
    bench.reserve(Spending(requests=100))


def test_a_restart_keeps_what_was_used_and_what_is_in_doubt() -> None:
    bench = LedgerBench()
    bench.budget(10)
    bench.close(bench.reserve(Spending(requests=3)), Spending(requests=3))
    doubtful = bench.reserve(Spending(requests=5))
    bench.restarted()
    refused(bench, Spending(requests=3))
    bench.reserve(Spending(requests=2))
    bench.close(doubtful, Spending(requests=1))
    bench.reserve(Spending(requests=4))
    refused(bench, Spending(requests=1))


def test_the_warning_comes_at_four_fifths_and_says_how_much_is_used() -> None:
    bench = LedgerBench()
    bench.budget(25 * DOLLAR, unit=Unit.MONEY, currency="USD")
    held = bench.ledger.reserve(TALENT, CAPABILITY, TARGET, "one", usd(19_990_000))
    assert held.warnings == ()
    held = bench.ledger.reserve(TALENT, CAPABILITY, TARGET, "two", usd(10_000))
    assert held.warnings == (f"budget talent:{AGENT} per day: 20.00 USD of 25.00 USD used with this action (80 %)",)


def test_a_budget_that_nobody_vouches_for_refuses() -> None:
    bench = LedgerBench()
    value = bench.budget(1000)
    bench.believed.void.add(value.key)
    with pytest.raises(FabricError) as caught:
        bench.reserve(Spending(requests=1))
    assert caught.value.code is Code.BUDGET_INVALID
    assert bench.ledger.doubted() == [value.key] and bench.ledger.standings() == []


def test_an_action_sets_aside_once() -> None:
    bench = LedgerBench()
    action = bench.reserve(Spending(requests=1))
    with pytest.raises(ValueError, match="already"):
        bench.ledger.reserve(TALENT, CAPABILITY, TARGET, action, Spending(requests=1))
