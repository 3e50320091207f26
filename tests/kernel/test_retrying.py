"""Whether a write is tried again, and when; and what several attempts tell together. The pure part."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.retrying import AGAIN, JITTER, Repeats, Result, told_by
from infrafabric.kernel.words.entries import EffectIntended, EffectObserved
from infrafabric.kernel.words.manifest import Effect, Limits, ProviderKey
from infrafabric.kernel.words.policy import Retry

LIMITS = Limits(backoff=(1, 2, 5))
LOST = FabricError(Code.TARGET_LOST, "gone")
NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def repeats(limits: Limits = LIMITS, most_s: float = 100.0, **effect: object) -> Repeats:
    members: dict[str, object] = {"write": "POST /x", "repeatable": True, **effect}
    return Repeats.of(Effect.model_validate(members), limits, most_s)


def waits(given: Repeats, error: FabricError = LOST, *, later: bool = False, chance: float = 0.0) -> list[float]:
    """The waits of a write that never succeeds."""
    spent, found = 0.0, []
    while (wait := given.wait(error, later=later, spent_s=spent, chance=chance)) is not None:
        found.append(wait)
        spent += wait
        given.attempt += 1
    return found


def test_the_waits_are_the_manifests() -> None:
    assert waits(repeats()) == [1, 2, 5]
    assert repeats().limit == 4


def test_a_write_that_may_not_be_sent_twice_is_not() -> None:
    once = repeats(repeatable=False)
    assert waits(once) == [] and once.limit == 1 and once.envelope() is None


def test_a_providers_key_makes_it_repeatable_within_its_window() -> None:
    keyed = ProviderKey(header="Idempotency-Key", window_s=4)
    assert waits(repeats(repeatable=False, provider_key=keyed)) == [1, 2]


def test_it_ends_with_the_time_that_is_left() -> None:
    assert waits(repeats(most_s=7.9)) == [1, 2]
    assert waits(repeats(most_s=8)) == [1, 2, 5]
    assert waits(repeats(most_s=0)) == []
    assert repeats(most_s=0).limit == 1


@pytest.mark.parametrize("code", sorted(set(Code) - AGAIN))
def test_no_other_failure_is_tried_again(code: Code) -> None:
    assert waits(repeats(), FabricError(code, "no")) == []


def test_an_answer_that_asks_for_patience_is() -> None:
    assert waits(repeats(), FabricError(Code.TARGET_STATUS, "503"), later=True) == [1, 2, 5]


def test_a_longer_retry_after_goes_before() -> None:
    patient = FabricError(Code.TARGET_STATUS, "429", retry_after=4.0)
    assert waits(repeats(), patient, later=True) == [4, 4, 5]
    assert waits(repeats(most_s=3), patient, later=True) == [], "what would come too late is not tried"


@given(st.lists(st.floats(0, 600), max_size=6), st.floats(0, 600), st.floats(0, 1), st.floats(0, 700))
def test_waits_are_never_shorter_and_a_quarter_longer_at_most(
    backoff: list[float], most_s: float, chance: float, retry_after: float
) -> None:
    error = FabricError(Code.TARGET_LOST, "gone", retry_after=retry_after)
    given = repeats(Limits(backoff=tuple(backoff)), most_s)
    found = waits(given, error, chance=chance)
    assert len(found) <= len(backoff) and given.attempt <= given.limit
    for wait, planned in zip(found, backoff, strict=False):
        least = max(planned, retry_after)
        assert least <= wait <= least + JITTER * planned + 1e-9
    assert sum(found) <= most_s + 1e-6


def test_the_envelope_says_where_it_stands() -> None:
    write = repeats()
    assert write.envelope() is None
    wait = write.wait(LOST, later=False, spent_s=0, chance=0)
    assert write.envelope(wait, NOW) == Retry(
        attempt=1, limit=4, next_at="2026-03-01T12:00:01.250Z", cause="IF_ERR_TARGET_LOST"
    )
    write.attempt = 2
    assert write.envelope() == Retry(attempt=2, limit=4, cause="IF_ERR_TARGET_LOST")
    write.wait(None, later=False, spent_s=1, chance=0)
    assert write.envelope(None, NOW) == Retry(attempt=2, limit=4)


RESULTS: tuple[Result, ...] = ("answered", "failed", "not_sent", "unknown")


def test_a_later_no_does_not_make_an_earlier_doubt_certain() -> None:
    assert told_by("unknown", "not_sent") == "unknown"
    assert told_by("unknown", "failed") == "unknown"
    assert told_by("unknown", "answered") == "answered"
    assert told_by("not_sent", "failed") == "failed"
    assert told_by(None, "not_sent") == "not_sent"


def folded(*entries: EffectIntended | EffectObserved) -> History:
    history = History("a")
    for entry in entries:
        history._take(entry)
    return history


def intended(attempt: int, change: str = "change-1") -> EffectIntended:
    return EffectIntended(change=change, effect="ring", request="POST /bell", attempt=attempt)


def observed(attempt: int, result: Result, change: str = "change-1") -> EffectObserved:
    return EffectObserved(change=change, effect="ring", result=result, attempt=attempt)


def test_an_attempt_that_was_not_observed_is_doubtful_whatever_an_earlier_one_said() -> None:
    history = folded(intended(1), observed(1, "not_sent"), intended(2))
    assert history.doubtful == ["change-1"] and history.uncertain == ["change-1"]
    history = folded(intended(1), observed(1, "unknown"), intended(2))
    assert history.doubtful == ["change-1"] and history.uncertain == ["change-1"]
    history = folded(intended(1), observed(1, "unknown"), intended(2), observed(2, "answered"))
    assert history.doubtful == [] and history.uncertain == []


@given(st.lists(st.sampled_from(RESULTS), min_size=1, max_size=5), st.booleans())
def test_the_fold_keeps_the_attempt_that_tells_most(results: list[Result], died: bool) -> None:
    entries: list[EffectIntended | EffectObserved] = []
    for attempt, result in enumerate(results, 1):
        entries += [intended(attempt), observed(attempt, result)]
    history = folded(*(entries[:-1] if died else entries))
    told = results[:-1] if died else results
    assert history.doubtful == (["change-1"] if died else [])
    if told:
        expected = next(result for result in ("answered", "unknown", "failed", "not_sent") if result in told)
        assert history.observed["change-1"].result == expected
    unsure = died or ("unknown" in told and "answered" not in told)
    assert (history.uncertain == ["change-1"]) is unsure
