"""Admission against a model that remembers everything: whatever comes in whatever order, nothing is admitted twice."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from envelopes import opened
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.transports.envelopes.admission import Known, Rules, Sender, Step
from infrafabric.transports.envelopes.opening import Opened

KEY = SigningKey.from_seed(bytes(range(32)))
RULES = Rules(skew_s=10, longest_ttl_s=60, nonces=6)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Sent:
    opened: Opened
    seq: int
    nonce: str
    issued: datetime
    ttl_s: int


class Admission(RuleBasedStateMachine):
    """The model keeps all messages ever admitted; the sender forgets what is over."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.sender = Sender()
        self.sent: list[Sent] = []
        self.admitted: list[Sent] = []
        self.steps: list[Step] = []

    def made(self, seq: int, number: int, age_s: int, ttl_s: int) -> Sent:
        nonce = base64.b64encode(number.to_bytes(12, "big")).decode()
        issued = self.now - timedelta(seconds=age_s)
        message = opened(KEY, seq, at=issued, nonce=nonce, ttl_s=ttl_s)
        found = Sent(message, seq, nonce, issued, ttl_s)
        self.sent.append(found)
        return found

    def expected(self, one: Sent) -> Code | None:
        if one.ttl_s > RULES.longest_ttl_s:
            return Code.MESSAGE_INVALID
        if one.issued > self.now + timedelta(seconds=RULES.skew_s):
            return Code.MESSAGE_EARLY
        if one.issued + timedelta(seconds=one.ttl_s + RULES.skew_s) <= self.now:
            return Code.MESSAGE_EXPIRED
        live = [other for other in self.admitted if other.nonce in self.remembered]
        if one.nonce in {other.nonce for other in live}:
            return Code.MESSAGE_REPLAYED
        if self.admitted and one.seq <= self.admitted[-1].seq:
            return Code.MESSAGE_SEQUENCE
        return None

    @property
    def remembered(self) -> set[str]:
        return set(self.sender._nonces)

    def offer(self, one: Sent) -> None:
        wanted = self.expected(one)
        try:
            step = self.sender.judge(one.opened, self.now, RULES)
        except FabricError as refused:
            if refused.code is Code.BUSY:
                assert self.sender.remembered >= RULES.nonces, "refused for want of room, though there is some"
                assert refused.retry_after is not None and refused.retry_after > 0
                return
            assert refused.code is wanted
            return
        assert wanted is None
        last = self.admitted[-1].seq if self.admitted else 0
        assert step.gap == (one.seq - last - 1 if last else 0)
        assert len(step.dropped) <= 4
        assert all(known.until <= self.now for known in step.dropped)
        self.sender.take(step)
        self.admitted.append(one)
        self.steps.append(step)

    @rule(ahead=st.integers(-2, 5), number=st.integers(0, 40), age_s=st.integers(-20, 100), ttl_s=st.integers(1, 70))
    def a_message_comes(self, ahead: int, number: int, age_s: int, ttl_s: int) -> None:
        self.offer(self.made(max(1, self.sender.last + ahead), number, age_s, ttl_s))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def one_comes_again(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.sent))
        again, before = one in self.admitted, self.sender.last
        self.offer(one)
        assert not again or self.sender.last == before, "a copy was admitted"

    @rule(seconds=st.integers(1, 60))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.steps)
    @rule()
    def the_last_transaction_failed(self) -> None:
        self.sender.give_back(self.steps.pop())
        self.admitted.pop()

    @rule()
    def the_kernel_starts_again(self) -> None:
        """What the facts hold is what is remembered: the nonces admitted, less those dropped."""
        rows: dict[int, Known] = {}
        for step in self.steps:
            rows[step.known.seq] = step.known
            for known in step.dropped:
                del rows[known.seq]
        self.sender = Sender.of(self.admitted[-1].seq if self.admitted else 0, rows.values())

    @invariant()
    def no_message_twice(self) -> None:
        numbers = [one.seq for one in self.admitted]
        assert numbers == sorted(set(numbers))

    @invariant()
    def what_could_still_come_is_remembered(self) -> None:
        for one in self.admitted:
            if one.issued + timedelta(seconds=one.ttl_s + RULES.skew_s) > self.now:
                assert one.nonce in self.remembered

    @invariant()
    def the_store_is_bounded(self) -> None:
        assert self.sender.remembered <= RULES.nonces


TestAdmission = Admission.TestCase
TestAdmission.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
