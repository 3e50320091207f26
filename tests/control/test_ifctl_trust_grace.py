"""A trust set that grows old: warnings ahead, nothing once it has expired, a grace for what is loaded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from homes import Ifctl

from infrafabric.control import house
from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.errors import Code

PLAN = ("capability", "plan", "vmix.switcher", "--scene", "Intro")


class Clock:
    """The clock by which trust sets are judged."""

    now = datetime.now(UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(house, "_now", lambda: clock.now)
    return clock


def expiry(run: Ifctl) -> datetime:
    return datetime.fromisoformat(run.ok("trust", "show")["expires"])


def grace(run: Ifctl, until: datetime) -> tuple[str, ...]:
    return ("trust", "grace", "--until", until.isoformat(), "--why", "the root keys are in the bank")


def test_what_was_loaded_goes_on_for_a_while(studio: tuple[Ifctl, VmixSimulator], clock: Clock) -> None:
    run, _ = studio
    run.ok(*PLAN, "--why", "x")
    expires = expiry(run)
    clock.now = expires
    assert run.refused(*PLAN, "--why", "x")[1] == Code.TRUST_EXPIRED.value

    until = expires + timedelta(days=3)
    given = run.ok(*grace(run, until))
    assert [one["bundle"] for one in given["covers"]] == ["vmix.switcher@1.2.0"]
    (entry,) = run.ok("witness", "query", "--kind", "trust.graced")["entries"]
    assert entry["body"]["why"] == "the root keys are in the bank"
    assert datetime.fromisoformat(entry["body"]["until"]) == until

    planned = run(*PLAN, "--why", "x")
    assert planned.exit_code == 0, planned.output
    assert planned.stderr.count("warning: the trust set expired") == 1
    assert "under a grace until" in planned.stderr
    newest = run.ok("witness", "query", "--kind", "action.planned")["entries"][0]
    assert given["digest"] in newest["body"]["records"]
    shown = run.ok("trust", "show")["grace"]
    assert (shown["digest"], shown["ended"]) == (given["digest"], False)
    assert "the root keys are in the bank" in run("trust", "show").stdout

    clock.now = until
    assert run.refused(*PLAN, "--why", "x")[1] == Code.TRUST_EXPIRED.value
    assert run.ok("trust", "show")["grace"]["ended"]


def test_a_renewed_set_needs_no_grace(studio: tuple[Ifctl, VmixSimulator], clock: Clock) -> None:
    run, _ = studio
    run.ok(*PLAN, "--why", "x")
    expires = expiry(run)
    run.ok(*grace(run, expires + timedelta(days=3)))
    run.ok("trust", "renew", "--days", "400", "--why", "x")
    assert run.ok("trust", "show")["grace"] is None
    clock.now = expires
    planned = run(*PLAN, "--why", "x")
    assert planned.exit_code == 0
    assert "the grace" not in planned.stderr


def test_nothing_is_covered_where_nothing_is_loaded(vmix_home: Ifctl) -> None:
    refused = vmix_home.refused(*grace(vmix_home, expiry(vmix_home) + timedelta(days=3)))
    assert refused[:2] == (1, Code.GRACE_EMPTY.value)
    assert vmix_home.ok("trust", "show")["grace"] is None


@pytest.mark.parametrize("until", ["soon", "2027-13-01", "0001-01-01T00:00:00+23:00", "2020-01-01", "\x1b[31m"])
def test_an_end_that_is_none(bare_home: Ifctl, until: str) -> None:
    refused = bare_home.refused("trust", "grace", "--until", until, "--why", "x")
    assert refused[:2] == (2, Code.USAGE.value)
    assert "\x1b" not in refused[2]


def test_a_grace_that_gives_no_time(studio: tuple[Ifctl, VmixSimulator], clock: Clock) -> None:
    run, _ = studio
    run.ok(*PLAN, "--why", "x")
    expires = expiry(run)
    assert run.refused(*grace(run, expires))[1] == Code.USAGE.value
    clock.now = expires + timedelta(days=5)
    assert run.refused(*grace(run, expires + timedelta(days=4)))[1] == Code.USAGE.value


def test_a_home_bounds_its_graces(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, _ = studio
    run.ok(*PLAN, "--why", "x")
    long = expiry(run) + timedelta(days=3)
    run.ok(*grace(run, long))
    run.home.joinpath("infrafabric.toml").write_text("[trust]\ngrace_days = 2\n")
    assert run.refused(*grace(run, long))[1] == Code.GRACE_TOO_LONG.value
    assert "the grace in the log does not count" in run("talent", "list").stderr
    assert run.ok("trust", "show")["grace"] is None


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=31), None),
        (timedelta(days=30), "within 30 days"),
        (timedelta(days=7), "within 7 days"),
        (timedelta(hours=23), "within a day"),
        (timedelta(0), "the trust set expired"),
    ],
)
def test_people_are_told_ahead_once_a_command(
    vmix_home: Ifctl, clock: Clock, left: timedelta, said: str | None
) -> None:
    clock.now = expiry(vmix_home) - left
    for command in (("talent", "list"), ("secret", "list")):
        lines = [line for line in vmix_home(*command).stderr.splitlines() if "the trust set" in line]
        assert len(lines) == (0 if said is None else 1)
        assert all(str(said) in line for line in lines)


def test_who_signed_is_shown(bare_home: Ifctl) -> None:
    found = bare_home.ok("trust", "show")
    assert found["signers"] == found["root_keys"]
    text = bare_home("trust", "show").stdout
    assert all(key in text for key in (*found["root_keys"], *found["operator_keys"], found["digest"]))
    (row,) = [line for line in text.splitlines() if found["root_keys"][0] in line]
    assert "signed" in row
