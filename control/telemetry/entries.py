"""What the log's entries amount to in numbers: actions, decisions, driver calls, guest runs, service levels.

It sees every entry once, as it becomes durable, and times them by the log's own times. Labels are names that an
operator or publisher gave: capabilities that are installed, drivers, codes, verdicts. Ids, talents and targets are
none: they would be too many, and a page of metrics is read by more than one tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from infrafabric.control.feed import Noted
from infrafabric.control.telemetry.levels import Level
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import short_name
from infrafabric.witness.leaf import parse_at

if TYPE_CHECKING:
    from infrafabric.control.door_settings import SloSettings
    from infrafabric.kernel.words.manifest import Manifest

__all__ = ["EntryMetrics", "Levels"]

OTHER = "other"
OPEN = 20_000
"""Actions under way that are followed; of more of them the oldest is let go."""
LOOK_MS = 5_000
"""After which a capability that was not installed is looked for again."""
CURRENCIES = 32
"""That are counted apart."""
_ACTION_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_DECISION_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 900, 3_600)
_CALL_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SANDBOX = frozenset({Code.SANDBOX_CRASHED.value, Code.SANDBOX_UNAVAILABLE.value})
"""Codes of faults that are the sandbox's own; its limits are the adapters' affair."""
_ADAPTER = "IF_ERR_ADAPTER_"
_GOOD = frozenset({"converged", "done", "undone"})
_BAD = frozenset({"failed", "in_doubt"})


@dataclass(slots=True)
class _Open:
    """An action that has not ended."""

    capability: str
    purpose: str
    since: int
    """Unix milliseconds of its ask."""
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Levels:
    """The service levels of `[slo]`, and the share of decisions that people are asked for."""

    decision: Level
    sandbox: Level
    adapter: Level
    escalation: Level
    """No objective: how many of the decisions ask people is a figure, and not a fault."""

    @classmethod
    def of(cls, settings: SloSettings) -> Levels:
        return cls(
            Level("decision", settings.decision_share),
            Level("sandbox", settings.sandbox_share),
            Level("adapter", settings.adapter_share),
            Level("escalation", 0.0),
        )

    @property
    def objectives(self) -> tuple[Level, ...]:
        return self.decision, self.sandbox, self.adapter


class EntryMetrics:
    """Counts entries as they come. `manifests` gives the installed manifests, `asked` the fact of an action."""

    def __init__(
        self,
        registry: CollectorRegistry,
        levels: Levels,
        decision_s: float,
        *,
        manifests: Callable[[], list[Manifest]],
        asked: Callable[[str], Mapping[str, Any] | None],
    ) -> None:
        self.levels = levels
        self._decision_s = decision_s
        self._manifests = manifests
        self._asked = asked
        self._known: dict[str, tuple[str, str]] = {}
        self._looked_ms = -LOOK_MS
        self._open: dict[str, _Open] = {}
        self.spent: dict[str, float] = {}
        """What actions cost so far, by currency."""
        self.decided = 0
        """Actions that a decision stands on so far."""
        self.last_ms = 0
        """Time of the last entry that came, Unix milliseconds; 0 before the first."""
        name = "infrafabric_"
        self.entries = Counter(f"{name}log_entries_added", "Entries recorded, by kind.", ["kind"], registry=registry)
        self.asked_for = Counter(
            f"{name}actions_asked", "Actions that were asked for.", ["capability", "purpose"], registry=registry
        )
        self.ended = Counter(
            f"{name}actions_ended",
            "Actions that ended, with their outcome and code.",
            ["capability", "outcome", "code"],
            registry=registry,
        )
        self.action_s = Histogram(
            f"{name}action_seconds",
            "From ask to end, people's time included.",
            ["capability"],
            buckets=_ACTION_S,
            registry=registry,
        )
        self.decisions = Counter(f"{name}decisions", "Verdicts of the guard.", ["verdict"], registry=registry)
        self.decision_s = Histogram(
            f"{name}decision_seconds",
            "From ask to the decision that stands, people's time included.",
            buckets=_DECISION_S,
            registry=registry,
        )
        self.answers = Counter(f"{name}approval_answers", "Answers to questions.", ["answer"], registry=registry)
        self.calls = Counter(
            f"{name}driver_writes", "Writes by drivers, by what came back.", ["driver", "result"], registry=registry
        )
        self.call_s = Histogram(
            f"{name}driver_write_seconds", "One write by a driver.", ["driver"], buckets=_CALL_S, registry=registry
        )
        self.reads = Counter(f"{name}driver_reads", "Reads for guests.", ["driver"], registry=registry)
        self.runs = Counter(
            f"{name}guest_runs", "Guest runs: `ended` is ok, adapter or sandbox.", ["op", "ended"], registry=registry
        )
        self.guest_cpu = Counter(f"{name}guest_cpu_seconds", "CPU time of guests.", registry=registry)
        self.cost = Counter(f"{name}cost", "What actions cost, by currency.", ["currency"], registry=registry)

    def __call__(self, noted: Noted) -> None:
        self.entries.labels(noted.kind).inc()
        self.last_ms = at = parse_at(noted.at)
        body = noted.body
        match noted.kind:
            case Kind.ACTION_RECEIVED:
                self._received(noted, at)
            case Kind.ACTION_PLANNED:
                self._run(body.get("run"), noted)
            case Kind.ACTION_DECIDED:
                self._decided(noted, at)
            case Kind.EFFECT_OBSERVED:
                driver = self._names(self._action(noted))[1]
                self.calls.labels(driver, body["result"]).inc()
                self.call_s.labels(driver).observe(body.get("elapsed_us", 0) / 1e6)
            case Kind.APPROVAL_GIVEN:
                self.answers.labels("given").inc()
            case Kind.APPROVAL_REFUSED:
                self.answers.labels("refused").inc()
            case Kind.APPROVAL_EXPIRED:
                self.answers.labels("expired").inc()
            case Kind.ACTION_REFUSED | Kind.ACTION_CLOSED:
                self._ended(noted, at)
            case _:
                pass

    # --- an action's way

    def _received(self, noted: Noted, at: int) -> None:
        body = noted.body
        while len(self._open) >= OPEN:
            del self._open[next(iter(self._open))]
        self._open[noted.action] = _Open(body["capability"], body["purpose"], at)
        self.asked_for.labels(self._names(body["capability"])[0], body["purpose"]).inc()

    def _decided(self, noted: Noted, at: int) -> None:
        verdict = noted.body["decision"]["verdict"]
        self.decisions.labels(verdict).inc()
        asks = noted.body.get("pending") is not None
        opened = self._opened(noted)
        if opened is None or not opened.decided:
            self.levels.escalation.count(not asks, at / 1e3)
        if not asks and opened is not None:
            self._stands(opened, at)

    def _stands(self, opened: _Open, at: int) -> None:
        """The decision on an action stands, once."""
        if not opened.decided:
            opened.decided = True
            self.decided += 1
            seconds = (at - opened.since) / 1e3
            self.decision_s.observe(seconds)
            self.levels.decision.count(seconds <= self._decision_s, at / 1e3)

    def _ended(self, noted: Noted, at: int) -> None:
        body = noted.body
        capability, _ = self._names(self._action(noted))
        outcome, code = body.get("outcome", "refused"), body.get("code", "")
        self.ended.labels(capability, outcome, code).inc()
        for run in ("apply_run", "verify_run"):
            self._run(body.get(run), noted)
        if code in _SANDBOX and noted.kind == Kind.ACTION_REFUSED:
            self.levels.sandbox.count(False, at / 1e3)
        if outcome in _GOOD or outcome in _BAD or code.startswith(_ADAPTER):
            self.levels.adapter.count(outcome in _GOOD, at / 1e3)
        self._spent(body.get("spent"))
        opened = self._opened(noted)
        if opened is not None:
            self.action_s.labels(capability).observe((at - opened.since) / 1e3)
            if code.startswith("IF_ERR_APPROVAL"):  # nobody agreed: that is a decision too
                self._stands(opened, at)
        self._open.pop(noted.action, None)

    def _run(self, run: Mapping[str, Any] | None, noted: Noted) -> None:
        if run is None:
            return
        error = run.get("error", "")
        ended = "ok" if not error else "sandbox" if error in _SANDBOX else "adapter"
        self.runs.labels(run["op"], ended).inc()
        self.guest_cpu.inc(run.get("cpu_us", 0) / 1e6)
        if ended != "sandbox":
            self.levels.sandbox.count(True, self.last_ms / 1e3)
        if reads := sum("read" in request for request in run["requests"]):
            self.reads.labels(self._names(self._action(noted))[1]).inc(reads)

    def _spent(self, spent: Mapping[str, Any] | None) -> None:
        if spent and spent.get("money"):
            currency = spent.get("currency", "")
            if currency not in self.spent and len(self.spent) >= CURRENCIES:
                currency = OTHER
            amount = spent["money"] / 1e6
            self.spent[currency] = self.spent.get(currency, 0.0) + amount
            self.cost.labels(currency).inc(amount)

    # --- whose an entry is

    def _opened(self, noted: Noted) -> _Open | None:
        """What is known of the entry's action; of one that a former process was asked for, from the facts."""
        opened = self._open.get(noted.action)
        if opened is None and (asked := self._asked(noted.action)) is not None:
            opened = _Open(asked["capability"], asked["purpose"], parse_at(asked["at"]))
            self._open[noted.action] = opened
        return opened

    def _action(self, noted: Noted) -> str:
        """Full id of the capability that the entry's action is about."""
        if found := noted.body.get("capability"):
            return str(found)
        opened = self._opened(noted)
        return opened.capability if opened is not None else ""

    def _names(self, capability: str) -> tuple[str, str]:
        """Labels of a capability: its short name and its driver; `other` for one that is not installed."""
        found = self._known.get(capability)
        if found is None and self.last_ms >= self._looked_ms + LOOK_MS:
            self._looked_ms = self.last_ms
            self._known = {one.id: (short_name(one.id), one.driver) for one in self._manifests()}
            found = self._known.get(capability)
        return found or (OTHER, OTHER)
