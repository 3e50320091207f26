"""The clock jumps far ahead: new work waits, no entry gets the false date, and a person can always go on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from homes import Ifctl
from hypothesis import given
from hypothesis import strategies as st
from log_bench import Bench, closed, intended

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import new_action_id
from infrafabric.witness.clock import LogClock
from infrafabric.witness.leaf import parse_at
from infrafabric.witness.limits import Limits
from infrafabric.witness.log import WitnessLog

DAY = 86_400.0
YEAR = 365 * DAY


async def refused(log: WitnessLog) -> FabricError:
    with pytest.raises(FabricError) as caught:
        await log.append(intended(""))
    assert caught.value.code is Code.LOG_CLOCK
    return caught.value


async def test_a_jump_while_running_stops_new_work_and_never_dates_an_entry(tmp_path: Path) -> None:
    bench, action = Bench(tmp_path), new_action_id()
    async with bench.open() as log:
        (first,) = await log.append(intended(action))
        bench.now += YEAR
        bench.passed += 7
        assert "witness clock --confirm" in (await refused(log)).remedy
        (ended,) = await log.append(closed(action))
        assert parse_at(ended.at) - parse_at(first.at) == 7_000
        bench.now += 3 - YEAR  # set right again: nobody is locked out by a date from the future
        await log.append(intended(""))


async def test_time_that_passed_is_no_jump(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        await log.append(intended(""))
        bench.now += YEAR
        bench.passed += YEAR
        await log.append(intended(""))


async def test_many_small_jumps_are_a_large_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        await log.append(intended(""))
        for _ in range(30):
            bench.now += DAY
            await log.append(intended(""))
        bench.now += DAY
        await refused(log)


async def test_a_jump_between_two_starts_waits_for_a_person_whose_word_is_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        (first,) = await log.append(intended(""))
        with pytest.raises(FabricError) as caught:
            await log.confirm_clock("nothing to confirm")
        assert caught.value.code is Code.USAGE
    bench.now += 31 * DAY
    async with bench.open() as log:
        await refused(log)
        with pytest.raises(FabricError) as caught:
            await log.confirm_clock(" ")
        assert caught.value.code is Code.WHY_REQUIRED
        confirmed = await log.confirm_clock("a month of holidays", "if://person/operator")
        assert parse_at(confirmed.at) == int(bench.now * 1000)
        await log.append(intended(""))
        entry = log.entry(confirmed.index)
        assert entry.parsed.kind == Kind.CLOCK_CONFIRMED
        assert entry.body is not None and first.at.encode() in entry.body
        with pytest.raises(FabricError) as caught:
            await log.erase(confirmed.index, "hide it")
        assert caught.value.code is Code.ERASE_REFUSED
    async with bench.open() as log:
        await log.append(intended(""))


async def test_a_clock_that_starts_behind_and_is_set_right_is_no_jump(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        await log.append(intended(""))
    now, bench.now = bench.now, 0.0  # a board without a battery, until it asks the network
    async with bench.open() as log:
        assert "behind" in (await refused(log)).message
        bench.now = now + 5 * DAY
        await log.append(intended(""))


@given(st.lists(st.tuples(st.floats(-4 * YEAR, 4 * YEAR), st.floats(0, 40 * DAY), st.booleans()), max_size=20))
def test_every_time_given_is_accounted_for(steps: list[tuple[float, float, bool]]) -> None:
    """Times never run back, and none is later than what passed since a start or a confirmation allows."""
    limits, start = Limits(), 1_790_000_000.0
    wall, steady, last = start, 0.0, int(start * 1000)
    clock = LogClock(lambda: wall, lambda: steady, last, limits)
    bound = start
    for jump, passed, confirmed in steps:
        wall, steady, bound = wall + jump + passed, steady + passed, bound + passed
        if confirmed and clock.is_ahead():
            clock.confirm()
            bound = wall
        at = clock.milliseconds(last)
        assert at >= last
        assert at <= (bound + limits.clock_ahead_s) * 1000 + 1
        last = at


@pytest.mark.parametrize("days", [31, 4000])
def test_a_home_waits_and_goes_on_when_a_person_says_so(
    bare_home: Ifctl, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    real = time.time
    assert bare_home.ok("witness", "clock")["error"] is None
    monkeypatch.setattr(time, "time", lambda: real() + days * DAY)
    change = ("talent", "add", "--name", "late", "--why", "a test")
    status, code, _ = bare_home.refused(*change)
    assert (status, code) == (1, "IF_ERR_LOG_CLOCK")
    shown = bare_home("witness", "clock")
    assert shown.exit_code == 1 and "IF_ERR_LOG_CLOCK" in shown.stderr and "--confirm" in shown.stderr
    assert "--confirm" in bare_home("doctor", COLUMNS="400").stdout
    assert bare_home.refused("witness", "clock", "--confirm")[1] == "IF_ERR_WHY_REQUIRED"
    confirmed = bare_home.ok("witness", "clock", "--confirm", "--why", "it lay in a drawer", "--trace-token", "ab" * 16)
    (entry,) = bare_home.ok("witness", "query", "--trace-token", "ab" * 16)["entries"]
    assert (entry["index"], entry["kind"]) == (confirmed["index"], "clock.confirmed")
    assert bare_home.ok("witness", "clock")["error"] is None
    assert bare_home.refused("witness", "clock", "--confirm", "--why", "again")[1] == "IF_ERR_USAGE"
    assert bare_home(*change).exit_code == 0
