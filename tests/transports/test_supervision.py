"""When a lasting connection is opened, and when not: the state machine under every order of events."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from infrafabric.transports.lasting.supervision import KEEP_S, RECENT_S, Supervision


def supervised() -> Supervision:
    return Supervision((1, 2, 5), lambda low, high: high)


def opened(now: float = 0.0) -> Supervision:
    one = supervised()
    one.ask(now)
    one.begin()
    one.opened(now)
    return one


def test_nothing_is_opened_unasked() -> None:
    assert supervised().due(0) is None
    one = supervised()
    one.listeners = 1
    assert one.due(0) is None


def test_the_first_attempt_after_a_loss_is_at_once() -> None:
    one = opened()
    one.lost(10)
    assert one.due(10) == 0


def test_a_connection_that_did_not_last_is_followed_by_a_pause() -> None:
    one = opened(10)
    one.lost(10.5)
    assert one.due(10.5) == 1.5


def test_attempts_follow_each_other_within_half_a_second_at_first_and_a_second_and_a_half_later() -> None:
    one = opened()
    one.listeners = 1
    one.lost(10)
    now, waits = 10.0, []
    while now < 300:
        wait = one.due(now)
        assert wait is not None
        waits.append(wait)
        now += wait
        one.begin()
        one.failed(now, "unreachable")
    assert waits[0] == 0
    assert max(waits[:100]) == 0.5
    assert max(waits) == 1.5


def test_a_peer_that_fails_in_the_opening_is_given_the_backoff_up_to_a_second_and_a_half() -> None:
    one = supervised()
    one.ask(0)
    waits = []
    for _ in range(4):
        one.begin()
        one.failed(0, "failing")
        waits.append(one.due(0))
    assert waits == [1, 1.5, 1.5, 1.5]


def test_a_refusal_is_not_tried_again_by_itself_and_not_soon_when_asked() -> None:
    one = supervised()
    one.listeners = 1
    now = 0.0
    for backoff in (1, 2, 5, 5):
        one.ask(now)
        assert one.due(now) == 0
        one.begin()
        one.failed(now, "refused")
        assert one.due(now + 1000) is None
        assert one.held(now) == backoff
        one.ask(now)
        assert one.due(now) == backoff
        now += backoff
        assert one.held(now) == 0


def test_it_is_opened_again_as_long_as_somebody_needs_it() -> None:
    one = opened()
    one.lost(RECENT_S - 1)
    assert one.due(RECENT_S - 1) == 0
    assert one.due(RECENT_S + 1) is None
    one.listeners = 1
    assert one.due(RECENT_S + 1) == 0


def test_a_peer_that_drops_us_each_time_is_let_be_a_minute_after_the_last_use() -> None:
    one = opened()
    now, reopened = 0.0, 0
    while (wait := one.due(now)) is not None or one.state == "open":
        if one.state == "open":
            now += 3
            one.lost(now)
        else:
            now += wait or 0
            one.begin()
            one.opened(now)
            reopened += 1
            assert now <= RECENT_S
    assert reopened > 10
    one.ask(now)
    assert one.due(now) == 0


def test_it_is_let_go_when_nobody_needs_it() -> None:
    one = opened()
    assert not one.useless(KEEP_S)
    assert one.useless(KEEP_S + 1)
    one.listeners = 1
    assert not one.useless(KEEP_S + 1)


class Supervised(RuleBasedStateMachine):
    """Any order of uses, losses and failures: at most one opening, never in a tight loop, never for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.one = Supervision((1, 2, 5), lambda low, high: (low + high) / 2)
        self.attempts: list[float] = []
        self.asks = 0
        self.refused = False

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.3, 2.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        self.one.ask(self.now)
        self.asks += 1

    @rule()
    def listen(self) -> None:
        self.one.listeners += 1

    @precondition(lambda self: self.one.listeners > 0)
    @rule()
    def leave(self) -> None:
        self.one.listeners -= 1

    @precondition(lambda self: self.one.due(self.now) == 0)
    @rule()
    def begin(self) -> None:
        assert self.asks or self.one.needed(self.now)
        if self.refused:
            assert self.asks, "after a refusal only a use opens again"
        self.one.begin()
        self.attempts.append(self.now)
        self.asks = 0

    @precondition(lambda self: self.one.state == "opening")
    @rule(how=st.sampled_from(["unreachable", "failing", "refused"]))
    def fail(self, how: str) -> None:
        self.one.failed(self.now, how)  # type: ignore[arg-type]
        self.refused = how == "refused"
        self.asks = 0
        assert self.one.due(self.now) != 0, "a failure is followed by a pause"

    @precondition(lambda self: self.one.state == "opening")
    @rule()
    def succeed(self) -> None:
        self.one.opened(self.now)
        self.refused = False

    @precondition(lambda self: self.one.state == "open")
    @rule()
    def lose(self) -> None:
        self.one.lost(self.now)

    @precondition(lambda self: self.one.useless(self.now))
    @rule()
    def rest(self) -> None:
        self.one.rest()
        assert self.one.due(self.now) in (None, 0)

    @invariant()
    def nothing_is_due_while_open(self) -> None:
        if self.one.state in ("open", "opening"):
            assert self.one.due(self.now) is None
        if self.one.listeners and self.one.state == "waiting":
            due = self.one.due(self.now)
            assert due is not None
            assert due <= 1.5, "a peer that is back is found within two seconds"


Supervised.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestSupervised = Supervised.TestCase
