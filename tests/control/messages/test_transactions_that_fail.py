"""What becomes of messages whose transaction fails, whose sender hangs up, or that are from before a rollback."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from envelopes import SENDER
from messaging import Messaging

from infrafabric.control.messages.admission import BYTES_AT_ONCE, Limits, Messages
from infrafabric.control.messages.frames import read_frame
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import MessageAdmitted
from infrafabric.transports.envelopes.admission import Rules
from infrafabric.witness.writer import Proven


class Failing:
    """A house's log that fails so many times before it appends again."""

    def __init__(self, messaging: Messaging, failures: list[BaseException]) -> None:
        self._log = messaging.house.log
        self.failures = failures
        self.facts, self.origin = self._log.facts, self._log.origin
        self.transactions: list[int] = []
        """Bytes of the envelopes in each."""

    async def append_proven(self, *entries: Entry) -> Sequence[Proven]:
        if self.failures:
            raise self.failures.pop(0)
        self.transactions.append(
            sum(len(body.envelope) for e in entries if isinstance(body := e.body, MessageAdmitted))
        )
        return await self._log.append_proven(*entries)


def on(
    messaging: Messaging, failures: list[BaseException], limits: Limits | None = None, log: Failing | None = None
) -> Messages:
    kernel = messaging.house.kernel
    return Messages(
        log or Failing(messaging, failures),
        messaging.house.authority,
        now=kernel.parts.now,
        act=kernel.act,
        count=kernel.parts.count,
        limits=limits,
    )


async def take(messages: Messages, data: bytes) -> int | Code:
    """The gap of an admitted message, or the code of its refusal."""
    try:
        return (await messages.send(read_frame(data, 1 << 16, 1 << 20), "test")).step.gap
    except FabricError as error:
        return error.code


async def test_a_message_whose_transaction_failed_can_be_sent_again(messaging: Messaging) -> None:
    full = FabricError(Code.DISK_FULL, "the test's disk is full")
    messages = on(messaging, [full])
    one, two, five = (messaging.made(seq) for seq in (1, 2, 5))
    assert await asyncio.gather(*(take(messages, data) for data in (one, two, five))) == [Code.DISK_FULL] * 3
    assert [await take(messages, data) for data in (one, two, five, five)] == [0, 0, 2, Code.MESSAGE_REPLAYED]


async def test_forgotten_nonces_come_back_with_a_failed_transaction(messaging: Messaging) -> None:
    failures: list[BaseException] = []
    messages = on(messaging, failures)
    assert await take(messages, messaging.made(1, ttl_s=60)) == 0
    messaging.later = timedelta(seconds=100)
    second = messaging.made(2, at=datetime.now(UTC) + messaging.later)
    failures.append(FabricError(Code.LOG_CLOCK, "the test's clock is wrong"))
    assert await take(messages, second) is Code.LOG_CLOCK
    assert await take(messages, second) == 0
    assert messaging.entries("message.admitted")[-1]["dropped"] == [f"{SENDER} {1:016d}"]


async def test_a_fault_refuses_what_waits_and_the_next_is_taken(messaging: Messaging) -> None:
    messages = on(messaging, [RuntimeError("the test's fault")])
    frames = [messaging.made(seq) for seq in (1, 2)]
    assert await asyncio.gather(*(take(messages, data) for data in frames)) == [Code.INTERNAL] * 2
    assert [await take(messages, data) for data in frames] == [0, 0]


async def test_large_messages_go_in_transactions_that_the_log_takes(messaging: Messaging) -> None:
    """Each escaped and with its facts, they would be more than a small log takes at once."""
    scope = {str(number): "\n" * 120 for number in range(12)}
    evidence = [
        {"type": "f", "url": f"https://example.org/{'x' * 900}{number}", "hash": "sha256:" + "0" * 64}
        for number in range(50)
    ]
    log = Failing(messaging, [])
    messages = on(messaging, [], log=log)
    frames = [messaging.made(seq, content={"scope": scope, "evidence": evidence}) for seq in range(1, 31)]
    assert sum(map(len, frames)) > 1 << 20
    assert await asyncio.gather(*(take(messages, data) for data in frames)) == [0] * 30
    assert sum(log.transactions) == sum(map(len, frames))
    assert max(log.transactions) <= BYTES_AT_ONCE
    assert len(log.transactions) < 10


async def test_who_hangs_up_has_sent_all_the_same(messaging: Messaging) -> None:
    data = messaging.made(1)
    sending = asyncio.create_task(messaging.send(data))
    while not messaging.house.messages._messages._queue:
        await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    while not messaging.entries("message.admitted"):
        await asyncio.sleep(0.01)
    assert await messaging.refused(data) is Code.MESSAGE_REPLAYED
    await messaging.send(messaging.made(2))


async def test_messages_from_before_a_rollback_are_not_taken(messaging: Messaging) -> None:
    since = datetime.now(UTC)
    messages = on(messaging, [], Limits(since=since))
    skew = timedelta(seconds=Rules().skew_s)
    for at in (since - timedelta(seconds=2), since, since + skew - timedelta(seconds=2)):
        assert await take(messages, messaging.made(1, at=at)) is Code.MESSAGE_EXPIRED
    messaging.later = timedelta(seconds=40)
    assert await take(messages, messaging.made(1, at=since + skew + timedelta(seconds=2))) == 0
