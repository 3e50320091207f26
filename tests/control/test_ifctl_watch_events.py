"""What a watch tells and does, look by look: differences and not looks, and no fight for ever."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.control.watched import Event, News, Pace, State, Watched
from infrafabric.control.watching import Ear
from infrafabric.kernel.ask import Purpose, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Change, Outcome, Plan

PACE = Pace(every_s=10, most_applies=5, window_s=600, longest_s=300)


def report(outcome: Outcome, digest: str = "", error: FabricError | None = None, purpose: Purpose = "plan") -> Report:
    changes = (Change(id="change-1", effect="set", summary=digest),) if digest else ()
    return Report(
        action="a", trace="t", purpose=purpose, capability="if://capability/x.y", target="x@z", outcome=outcome,
        error=error, plan=Plan(changes=changes), changes_digest=digest,
    )  # fmt: skip


IN_SYNC = report(Outcome.PLANNED)
DRIFT = report(Outcome.PLANNED, "one")
OTHER = report(Outcome.PLANNED, "another")
AWAY = report(Outcome.REFUSED, error=FabricError(Code.TARGET_UNREACHABLE, "refused"))
SLOW = report(Outcome.REFUSED, error=FabricError(Code.TARGET_TIMEOUT, "5 s"))
NO_SCENE = report(Outcome.REFUSED, error=FabricError(Code.ADAPTER_REFUSED, "no scene Intro"))
APPLIED = report(Outcome.CONVERGED, "one", purpose="apply")
IGNORED = report(Outcome.FAILED, "one", FabricError(Code.NOT_CONVERGED, "still lacks"), "apply")
DOUBT = report(Outcome.IN_DOUBT, "one", FabricError(Code.IN_DOUBT, "unknown"), "apply")
STALE = report(Outcome.REFUSED, error=FabricError(Code.PLAN_STALE, "moved"), purpose="apply")
DENIED = report(Outcome.REFUSED, error=FabricError(Code.DENIED, "no"), purpose="apply")


def told(watched: Watched, *reports: Report) -> list[News]:
    """The events of looks that follow each other at the usual pace."""
    return [event.news for n, one in enumerate(reports) for event in watched.looked(one, n * PACE.every_s)]


# --- what is told


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([IN_SYNC, IN_SYNC, IN_SYNC], [News.IN_SYNC]),
        ([DRIFT, DRIFT, DRIFT], [News.DRIFT]),
        ([IN_SYNC, DRIFT, DRIFT, OTHER, OTHER, IN_SYNC], [News.IN_SYNC, News.DRIFT, News.DRIFT, News.IN_SYNC]),
        ([AWAY, AWAY, SLOW, AWAY], [News.UNREACHABLE]),
        ([IN_SYNC, AWAY, IN_SYNC, IN_SYNC], [News.IN_SYNC, News.UNREACHABLE, News.RECOVERED, News.IN_SYNC]),
        ([DRIFT, AWAY, DRIFT], [News.DRIFT, News.UNREACHABLE, News.RECOVERED, News.DRIFT]),
        ([NO_SCENE, NO_SCENE, AWAY, NO_SCENE], [News.FAILED, News.UNREACHABLE, News.FAILED]),
        ([NO_SCENE, DRIFT], [News.FAILED, News.RECOVERED, News.DRIFT]),
    ],
)
def test_differences_are_told_and_not_looks(looks: list[Report], expected: list[News]) -> None:
    assert told(Watched(PACE), *looks) == expected


def test_another_reason_is_told_again() -> None:
    other = replace(NO_SCENE, error=FabricError(Code.ADAPTER_REFUSED, "no scene Outro"))
    assert told(Watched(PACE), NO_SCENE, other, other) == [News.FAILED, News.FAILED]


def test_a_target_that_stays_away_is_looked_at_soon_and_then_ever_more_rarely() -> None:
    watched = Watched(PACE)
    pauses = []
    for _ in range(11):
        told(watched, AWAY)
        pauses.append(watched.pause_s)
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    told(watched, IN_SYNC)
    assert watched.pause_s == 10


def test_the_pause_never_grows_beyond_a_slow_pace() -> None:
    watched = Watched(replace(PACE, every_s=3_600))
    told(watched, *[AWAY] * 50)
    assert watched.pause_s == 3_600


# --- what is done


def fight(watched: Watched, every_s: float, looks: int) -> tuple[list[float], list[Event]]:
    """Another hand takes back each apply at once: when was applied, and what was told."""
    times, events = [], []
    for look in range(looks):
        now = look * every_s
        events += watched.looked(DRIFT, now)
        if watched.wants_apply(now):
            times.append(now)
            events += watched.applied(APPLIED, now)
    return times, events


def test_two_hands_do_not_fight_for_ever() -> None:
    watched = Watched(PACE, applying=True)
    times, events = fight(watched, PACE.every_s, 1_000)
    assert times == [0, 10, 30, 70, 150]
    assert [event.news for event in events if event.news is News.FIGHTING] == [News.FIGHTING]
    (fighting,) = [event for event in events if event.news is News.FIGHTING]
    assert (fighting.applies, fighting.applying) == (5, False)
    assert [event.pause_s for event in events if event.news is News.DRIFT] == [0, 0, 10, 30, 70, 0]
    assert watched.state is State.DRIFT
    assert told(watched, IN_SYNC, DRIFT) == [News.IN_SYNC, News.DRIFT]
    assert not watched.wants_apply(1e9)


@pytest.mark.parametrize("every_s", [1.0, 30.0, 60.0, 3_600.0])
def test_a_fight_is_found_at_any_pace(every_s: float) -> None:
    watched = Watched(Pace(every_s=every_s), applying=True)
    times, _ = fight(watched, every_s, 200)
    assert len(times) == 5
    assert not watched.applying


def test_a_correction_now_and_then_is_no_fight() -> None:
    watched = Watched(PACE, applying=True)
    for hour in range(100):
        watched.looked(DRIFT, hour * 3_600)
        assert watched.wants_apply(hour * 3_600)
        watched.applied(APPLIED, hour * 3_600)
    assert watched.applying


def test_a_device_that_says_yes_and_does_nothing_is_not_asked_for_ever() -> None:
    watched = Watched(PACE, applying=True)
    tries = 0
    for look in range(1_000):
        watched.looked(DRIFT, look * 10)
        if watched.wants_apply(look * 10):
            tries += 1
            (event,) = watched.applied(IGNORED, look * 10)
            assert (event.news, event.error) == (News.FAILED, IGNORED.error)
    assert (tries, watched.applying) == (5, False)


def test_an_apply_in_doubt_is_not_followed_by_another() -> None:
    watched = Watched(PACE, applying=True)
    watched.looked(DRIFT, 0)
    (event,) = watched.applied(DOUBT, 0)
    assert (event.news, event.applying) == (News.FAILED, False)
    assert told(watched, DRIFT) == [News.DRIFT]
    assert not watched.wants_apply(1e9)


def test_a_plan_that_moved_is_looked_at_again_soon_and_said_nothing_of() -> None:
    watched = Watched(PACE, applying=True)
    watched.looked(DRIFT, 0)
    assert watched.applied(STALE, 0) == []
    assert watched.pause_s == PACE.least_s
    watched.looked(OTHER, 1)
    assert watched.wants_apply(1)
    assert watched.pause_s == 10


def test_an_apply_that_is_denied_is_told_once_and_tried_ever_more_rarely() -> None:
    watched = Watched(PACE, applying=True)
    times, events = [], []
    for look in range(100):
        events += watched.looked(DRIFT, look * 10)
        if watched.wants_apply(look * 10):
            times.append(look * 10)
            events += watched.applied(DENIED, look * 10)
    assert [event.news for event in events] == [News.DRIFT, News.FAILED]
    assert times == [0, 10, 30, 70, 150, 310, 610, 910]
    assert watched.applying


def test_a_target_that_goes_away_before_the_apply_is_unreachable() -> None:
    watched = Watched(PACE, applying=True)
    watched.looked(DRIFT, 0)
    away = replace(AWAY, purpose="apply")
    assert [event.news for event in watched.applied(away, 0)] == [News.UNREACHABLE]
    assert told(watched, AWAY, DRIFT) == [News.RECOVERED, News.DRIFT]


@given(st.lists(st.tuples(st.sampled_from("idoasn"), st.sampled_from("cfgsd"), st.floats(0.1, 50)), max_size=200))
def test_whatever_happens_the_story_hangs_together(steps: list[tuple[str, str, float]]) -> None:
    looks = dict(zip("idoasn", (IN_SYNC, DRIFT, OTHER, AWAY, SLOW, NO_SCENE), strict=True))
    applies = dict(zip("cfgsd", (APPLIED, IGNORED, DOUBT, STALE, DENIED), strict=True))
    watched, now = Watched(PACE, applying=True), 0.0
    told_before: Event | None = None
    wrote: list[float] = []
    troubled, gave_up = False, False
    for look, apply, pause in steps:
        now += pause
        events = watched.looked(looks[look], now)
        if watched.wants_apply(now):
            assert look in "do" and not gave_up
            if apply in "cfg":
                wrote.append(now)
            events += watched.applied(applies[apply], now)
        for event in events:
            assert (event.news is News.RECOVERED) <= troubled
            if told_before is not None and told_before.news is event.news is News.IN_SYNC:
                pytest.fail("told twice that nothing differs")
            gave_up = gave_up or not event.applying
            troubled = {News.UNREACHABLE: True, News.RECOVERED: False}.get(event.news, troubled) or (
                event.news is News.FAILED and event.report.purpose == "plan"
            )
            told_before = event
        assert 0 < watched.pause_s <= PACE.longest_s
        assert all(wrote[n + 5] - wrote[n] > PACE.window for n in range(len(wrote) - 5))


# --- hearing


class Driver:
    """Tells of news when `news` is set; loses the connection when `lost` is."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.news, self.lost, self.fault, self.opened, self.closed = asyncio.Event(), asyncio.Event(), fault, 0, 0

    def signals(self, *_: object) -> Any:
        @asynccontextmanager
        async def opening() -> Any:
            if self.fault is not None:
                raise self.fault
            self.opened += 1
            try:
                yield self
            finally:
                self.closed += 1

        return opening()

    async def wait(self) -> None:
        news, lost = asyncio.ensure_future(self.news.wait()), asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait((news, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            lost.cancel()
        self.news.clear()
        if self.lost.is_set():
            raise FabricError(Code.TARGET_UNREACHABLE, "it hung up")


def ear(driver: Driver | None) -> Ear:
    return Ear(lambda: None if driver is None else driver.signals())


async def test_news_cut_a_pause_short_and_no_news_do_not() -> None:
    driver, stop = Driver(), asyncio.Event()
    listening = ear(driver)
    await listening.open()
    await listening.open()
    assert driver.opened == 1
    await listening.pause(0.02, 0.01, stop)
    assert not listening.heard
    driver.news.set()
    await asyncio.wait_for(listening.pause(60, 0.01, stop), 5)
    assert listening.heard
    await listening.close()
    assert driver.closed == 1


async def test_a_lost_connection_ends_the_pause_and_is_opened_again() -> None:
    driver, stop = Driver(), asyncio.Event()
    listening = ear(driver)
    await listening.open()
    driver.lost.set()
    await asyncio.wait_for(listening.pause(60, 0.01, stop), 5)
    assert (listening.heard, driver.closed) == (True, 1)
    driver.lost.clear()
    await listening.open()
    assert driver.opened == 2
    await listening.close()


@pytest.mark.parametrize("driver", [None, Driver(FabricError(Code.TARGET_UNREACHABLE, "away"))])
async def test_who_cannot_be_listened_to_is_looked_at_by_the_clock(driver: Driver | None) -> None:
    listening = ear(driver)
    await listening.open()
    await listening.pause(0.02, 0.01, asyncio.Event())
    assert not listening.heard
    await listening.close()


@pytest.mark.parametrize("driver", [None, Driver()])
async def test_a_pause_ends_when_the_watch_does(driver: Driver | None) -> None:
    listening, stop = ear(driver), asyncio.Event()
    await listening.open()
    asyncio.get_running_loop().call_later(0.01, stop.set)
    await asyncio.wait_for(listening.pause(60, 30, stop), 5)
    await listening.close()
