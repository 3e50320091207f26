"""What is to be told, and done, about one intent that is watched: the pure part of `ifctl watch`.

`Watched` is given what each look and each apply came to, with the time, and answers with the events that this makes.
It tells of differences, not of looks: what is as it was makes none. It decides when to apply again, and when no more:
two hands that fight over one state must not move it back and forth for ever.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from infrafabric.kernel.ask import Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome

__all__ = ["Event", "News", "Pace", "State", "Watched"]

_AWAY = frozenset({Code.TARGET_UNREACHABLE, Code.TARGET_TIMEOUT, Code.TARGET_LOST, Code.BREAKER_OPEN})
"""The target cannot be reached, as opposed to: it, or the kernel, says no."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is looked and applied, in seconds."""

    every_s: float = 60.0
    most_applies: int = 5
    """Applies within `window` that did not last; then no more."""
    window_s: float = 600.0
    retry_s: float = 2.0
    """First pause after a look that came to nothing; doubled each time, so that a restart is not missed for long."""
    longest_s: float = 300.0
    """Longest pause after looks or applies that came to nothing, unless `every_s` is longer."""
    least_s: float = 1.0
    """Shortest pause before a look that the target's own word prompts."""

    @property
    def window(self) -> float:
        """Long enough that `most_applies` with their pauses, of 1, 2, 4 and 8 `every_s`, fall into it."""
        return max(self.window_s, 1.25 * (1 << (self.most_applies - 1)) * self.every_s)

    def after_looks(self, times: int) -> float:
        """The pause after so many looks in a row that came to nothing; with 0 the usual one."""
        return self._doubled(min(self.retry_s, self.every_s), times) if times else self.every_s

    def after_refusals(self, times: int) -> float:
        """The pause after so many applies in a row that were refused."""
        return self._doubled(self.every_s, times)

    def asked(self, seconds: float | None) -> float:
        """The least pause after a refusal that asked for a wait: a target must not silence a watch for good."""
        return min(seconds or 0.0, self._longest)

    def _doubled(self, first: float, times: int) -> float:
        return min(first * float(1 << min(times - 1, 32)), self._longest)

    @property
    def _longest(self) -> float:
        return max(self.longest_s, self.every_s)


class News(StrEnum):
    """The events, by their names on the wire."""

    IN_SYNC = "in_sync"
    DRIFT = "drift"
    APPLIED = "applied"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    RECOVERED = "recovered"
    FIGHTING = "fighting"


class State(StrEnum):
    """How the intent stood when it was last looked at."""

    UNSEEN = "unseen"
    IN_SYNC = "in_sync"
    DRIFT = "drift"
    TROUBLED = "troubled"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell. `error` is set for trouble; `applying` says whether drift will be applied from here on."""

    news: News
    report: Report
    error: FabricError | None = None
    applying: bool = False
    pause_s: float = 0.0
    """Of trouble: how long until it is tried again. Of drift: how long an apply is put off."""
    applies: int = 0
    """Of applies and a fight: how many there were within the window."""


@dataclass(slots=True)
class Watched:
    """One intent under watch. Times are monotonic seconds."""

    pace: Pace
    applying: bool = False
    """Whether drift is applied; given up for good after a fight, and after an apply in doubt."""
    state: State = State.UNSEEN
    digest: str = ""
    """Of the changes last told as drift."""
    question: str = ""
    """The action that last had to wait for people: as long as it does, the same is not asked again."""
    _trouble: tuple[News, str] | None = None
    _troubles: int = 0
    _refusals: int = 0
    _refused: tuple[str, str] | None = None
    _applied: deque[float] = field(default_factory=deque)
    _not_before: float = 0.0
    _soon: bool = False
    _least_s: float = 0.0
    """How long the last refusal asked to wait."""

    # --- what was seen

    def looked(self, report: Report, now: float) -> list[Event]:
        """What the report of a plan is worth telling."""
        self._soon, self._least_s = False, 0.0
        if report.outcome is not Outcome.PLANNED or report.plan is None:
            return self._in_trouble(report, now)
        events = [self._event(News.RECOVERED, report)] if self._trouble is not None else []
        self._trouble, self._troubles = None, 0
        if not report.plan.changes:
            if self.state is not State.IN_SYNC:
                events.append(self._event(News.IN_SYNC, report))
            self.state, self.digest = State.IN_SYNC, ""
            return events
        fought = self.applying and self._recent(now) >= self.pace.most_applies
        self.applying = self.applying and not fought
        if self.state is not State.DRIFT or report.changes_digest != self.digest:
            wait = max(0.0, self._not_before - now) if self.applying else 0.0
            events.append(self._event(News.DRIFT, report, pause_s=wait))
        self.state, self.digest = State.DRIFT, report.changes_digest
        if fought:
            events.append(self._event(News.FIGHTING, report, applies=len(self._applied)))
        return events

    def applied(self, report: Report, now: float) -> list[Event]:
        """What the report of an apply is worth telling."""
        error = report.error
        if report.outcome is Outcome.WAITING:
            self.question = report.action
        if report.outcome in (Outcome.REFUSED, Outcome.WAITING) and error is not None:
            return self._turned_away(report, error, now)
        self._refusals, self._refused = 0, None
        self._applied.append(now)
        applies = self._recent(now)
        self._not_before = now + self.pace.every_s * (1 << (applies - 1))
        if report.outcome is Outcome.CONVERGED:
            self.state, self.digest = State.IN_SYNC, ""
            return [self._event(News.APPLIED, report, applies=applies)]
        if report.outcome is Outcome.IN_DOUBT:
            self.applying = False
            self.state = State.UNSEEN
        error = error or FabricError(Code.NOT_CONVERGED, f"{report.action} ended {report.outcome.value}")
        return [self._event(News.FAILED, report, error, applies=applies)]

    # --- what is to be done

    def wants_apply(self, now: float) -> bool:
        """Whether the drift last seen is to be applied now."""
        return self.applying and self.state is State.DRIFT and now >= self._not_before

    @property
    def pause_s(self) -> float:
        """How long until the next look."""
        if self._soon:
            return min(self.pace.least_s, self.pace.every_s)
        return max(self._least_s, self.pace.after_looks(self._troubles))

    # --- inside

    def _in_trouble(self, report: Report, now: float) -> list[Event]:
        error = report.error or FabricError(Code.INTERNAL, f"{report.action} ended {report.outcome.value}")
        away = error.code in _AWAY
        trouble = (News.UNREACHABLE, "") if away else (News.FAILED, f"{error.code.value} {error.message}")
        self._least_s = self.pace.asked(error.retry_after)
        known, self._trouble = self._trouble, trouble
        self._troubles += 1
        self.state, self.digest = State.TROUBLED, ""
        return [] if trouble == known else [self._event(trouble[0], report, error, pause_s=self.pause_s)]

    def _turned_away(self, report: Report, error: FabricError, now: float) -> list[Event]:
        """An apply that wrote nothing."""
        if error.code is Code.PLAN_STALE:
            self._soon = True
            return []
        if error.code in _AWAY:
            return self._in_trouble(report, now)
        self._refusals += 1
        pause = max(self.pace.asked(error.retry_after), self.pace.after_refusals(self._refusals))
        self._not_before = now + pause
        known, self._refused = self._refused, (error.code.value, error.message)
        return [] if self._refused == known else [self._event(News.FAILED, report, error, pause_s=pause)]

    def _recent(self, now: float) -> int:
        """Applies within the window."""
        while self._applied and now - self._applied[0] > self.pace.window:
            self._applied.popleft()
        return len(self._applied)

    def _event(
        self, news: News, report: Report, error: FabricError | None = None, *, pause_s: float = 0.0, applies: int = 0
    ) -> Event:
        return Event(news, report, error, self.applying, pause_s, applies)
