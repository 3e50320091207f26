"""A ledger over facts that the real fold makes of entries, with a clock to set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.projections import project
from infrafabric.kernel.words.entries import ActionClosed, ActionDecided, ActionRefused, BudgetChanged, Kind
from infrafabric.kernel.words.plan import Decision, Outcome, Verdict
from infrafabric.kernel.words.policy import Budget, Spending, Unit
from infrafabric.kernel.words.things import Talent, Target
from infrafabric.policy.budgets import Ledger

AGENT = "if://agent/Finance.Agent"
CAPABILITY = "if://capability/mail.send"
TALENT = Talent(id=AGENT)
TARGET = Target(name="mail@office")
TALENTS_DAY = f"talent:{AGENT}"


@dataclass
class FoldedFacts:
    """Implements the port `Facts` in memory."""

    rows: dict[tuple[str, str], Any] = field(default_factory=dict)

    def get(self, table: str, key: str) -> Any | None:
        return self.rows.get((table, key))

    def stored(self, table: str, key: str) -> bytes | None:
        value = self.get(table, key)
        return None if value is None else dumps(value)

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        found = [(key, value) for (name, key), value in self.rows.items() if name == table and key.startswith(prefix)]
        return sorted(found)


@dataclass
class Believed(FoldedFacts):
    """The operator's records as their contents; `void` are those that nobody vouches for."""

    void: set[str] = field(default_factory=set)

    def get(self, table: str, key: str) -> Any | None:
        value = self.rows.get((table, key))
        return None if value is None or key in self.void else value["value"]

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        return [(key, value["value"]) for key, value in super().scan(table, prefix) if key not in self.void]


class LedgerBench:
    """What the kernel does with a ledger, without the kernel: entries are folded when they are appended."""

    def __init__(self, at: str = "2026-11-21T12:00:00+00:00") -> None:
        self.rows: dict[tuple[str, str], Any] = {}
        self.facts, self.believed = FoldedFacts(self.rows), Believed(self.rows)
        self.entries: list[Entry] = []
        self.now = datetime.fromisoformat(at)
        self.reserved: dict[str, Spending] = {}
        self._actions = 0
        self.ledger = self.restarted()

    def restarted(self) -> Ledger:
        """A new ledger over the same log."""
        self.ledger = Ledger(self.facts, self.believed, clock=lambda: self.now)
        return self.ledger

    def append(self, kind: Kind, body: Any, action: str = "") -> None:
        entry = Entry(kind, body, action)
        self.entries.append(entry)
        at = self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        for fact in project(entry, len(self.entries) - 1, at):
            if fact.value is None:
                self.rows.pop((fact.table, fact.key), None)
            else:
                self.rows[fact.table, fact.key] = fact.value

    def budget(
        self,
        limit: int,
        *,
        subject: str = TALENTS_DAY,
        unit: Unit = Unit.REQUESTS,
        currency: str = "",
        period: Literal["day", "month"] = "day",
        tenant: str = "default",
        change: Literal["set", "removed"] = "set",
    ) -> Budget:
        value = Budget(subject=subject, unit=unit, currency=currency, period=period, limit=limit, tenant=tenant)
        body = BudgetChanged(change=change, value=value, why="test", origin="here", operator="", signature="")
        self.append(Kind.BUDGET_CHANGED, body)
        return value

    def reserve(self, wanted: Spending, *, talent: Talent = TALENT, capability: str = CAPABILITY) -> str:
        """Set aside and record it, as deciding does; the action."""
        self._actions += 1
        action = f"00000000-0000-7000-8000-{self._actions:012x}"
        held = self.ledger.reserve(talent, capability, TARGET, action, wanted)
        decided = ActionDecided(
            **self._whose(talent),
            capability=capability,
            decision=Decision(verdict=Verdict.SHARE, rules=("test",), reason="test"),
            changes_digest="",
            context_digest="",
            reserved=held.spending,
        )
        self.append(Kind.ACTION_DECIDED, decided, action)
        self.reserved[action] = held.spending
        return action

    def close(self, action: str, spent: Spending, *, talent: Talent = TALENT, capability: str = CAPABILITY) -> None:
        """Record the end and settle, as ending does."""
        spent = spent.model_copy(update={"day": self.reserved.pop(action).day})
        closed = ActionClosed(**self._whose(talent), capability=capability, outcome=Outcome.DONE, spent=spent)
        self.append(Kind.ACTION_CLOSED, closed, action)
        self.ledger.settle(action, spent)

    def refuse(self, action: str, *, talent: Talent = TALENT) -> None:
        """Record that nothing was written, and settle, as ending does."""
        spent = self.reserved.pop(action).after(0)
        refused = ActionRefused(**self._whose(talent), station="plan", code="", message="", spent=spent)
        self.append(Kind.ACTION_REFUSED, refused, action)
        self.ledger.settle(action, Spending())

    def taken(self, subject: str = TALENTS_DAY) -> int:
        """Used and set aside of the first budget of a subject, as the log's facts have it."""
        standing = next(one for one in self.ledger.standings() if one.budget.subject == subject)
        return standing.used + standing.reserved

    def _whose(self, talent: Talent) -> dict[str, Any]:
        return {"tenant": talent.tenant, "talent": talent.id, "target": TARGET.name}
