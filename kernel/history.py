"""The state of an action is the fold of its entries: this is that fold, for one action."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infrafabric.kernel.approving import who_must_agree
from infrafabric.kernel.ask import Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Asked, Sourced
from infrafabric.kernel.retrying import told_by
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.plan import Change, Outcome, Plan
from infrafabric.kernel.words.policy import Retry

__all__ = ["History"]

_SEEN = frozenset({Outcome.CONVERGED, Outcome.UNDONE})
"""Endings that the adapter saw in the world itself."""
_ENDED_BADLY = frozenset({Outcome.REFUSED, Outcome.FAILED, Outcome.IN_DOUBT, Outcome.WAITING})


@dataclass(slots=True)
class History:
    """What the log says of one action. Erased bodies leave their members empty."""

    action: str
    received: e.ActionReceived | None = None
    planned: e.ActionPlanned | None = None
    decided: e.ActionDecided | None = None
    falsified: e.PlanFalsified | None = None
    """The last attempts to refute the plan."""
    refused: e.ActionRefused | None = None
    closed: e.ActionClosed | None = None
    cancelled: e.ActionCancelled | None = None
    """Where it was cancelled, or its asker went away, while nobody knew what became of a write."""
    intended: dict[str, e.EffectIntended] = field(default_factory=dict)
    """By change id, in the order in which they were first sent; the last attempt of each."""
    observed: dict[str, e.EffectObserved] = field(default_factory=dict)
    """By change id; of several attempts the one that tells most, see `retrying.told_by`."""
    unanswered: dict[str, int] = field(default_factory=dict)
    """By change id, the attempt that was intended and never observed."""
    lost: set[str] = field(default_factory=set)
    """Change ids of which an attempt was never observed, and another was made after it."""
    retries: dict[str, Retry] = field(default_factory=dict)
    """By change id, where writes stand that were tried more than once."""
    approvals: list[e.ApprovalGiven] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, action: str, rows: Iterable[tuple[int, e.Kind, Mapping[str, Any] | None]]) -> History:
        """Fold the rows of `Log.entries`. Raises IF_ERR_ACTION_UNKNOWN where there are none."""
        history = cls(action)
        seen = False
        for index, kind, shape in rows:
            seen = True
            if shape is None:
                history.erased.append(index)
                continue
            model = e.BODIES.get(kind)
            if model is not None:
                history._take(model.model_validate(shape))
        if not seen:
            raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {action}")
        return history

    def _take(self, body: e.Body) -> None:
        match body:
            case e.ActionReceived():
                self.received = body
            case e.ActionPlanned():
                self.planned = body
            case e.ActionDecided():
                self.decided = body
            case e.PlanFalsified():
                self.falsified = body
            case e.ApprovalGiven():
                self.approvals.append(body)
            case e.ActionRefused():
                self.refused = body
            case e.ActionClosed():
                self.closed = body
            case e.EffectIntended():
                self.intends(body)
            case e.ActionCancelled():
                self.cancelled = body
            case e.EffectObserved():
                self.saw(body)
            case _:
                pass

    def intends(self, body: e.EffectIntended) -> None:
        """Take that a write is about to be sent, perhaps once more."""
        if body.change in self.unanswered:
            self.lost.add(body.change)
        self.intended[body.change] = body
        self.unanswered[body.change] = body.attempt

    def saw(self, body: e.EffectObserved) -> None:
        """Take what came back from a write; of several attempts the one stands that tells most."""
        self.unanswered.pop(body.change, None)
        if body.change in self.lost:
            body = body.model_copy(update={"result": told_by("unknown", body.result)})
        before = self.observed.get(body.change)
        if before is None or told_by(before.result, body.result) == body.result:
            self.observed[body.change] = body
        if body.retry is not None:
            self.retries[body.change] = body.retry

    @property
    def plan(self) -> Plan:
        return self.planned.plan if self.planned is not None else Plan()

    @property
    def waiting(self) -> bool:
        """Whether the action waits for people."""
        return not self.ended and self.decided is not None and self.decided.pending is not None

    def _waits(self) -> str:
        decided = self.decided
        assert decided is not None and decided.pending is not None
        needed = who_must_agree(decided.pending.needs, decided.decision.verdict)
        given = f", {len(self.approvals)} did" if self.approvals else ""
        decision = f"{decided.decision.verdict.value}: {decided.decision.reason}"
        return f"{decision}; {needed}{given}, until {decided.pending.expires}"

    @property
    def asked(self) -> Asked:
        """The question to people. Raises IF_ERR_APPROVAL_INVALID where the action does not wait."""
        decided, received = self.decided, self.received
        if not self.waiting or decided is None or decided.pending is None or received is None:
            raise FabricError(Code.APPROVAL_INVALID, f"{self.action} does not wait for anyone")
        return Asked(
            action=self.action,
            talent=received.talent,
            tenant=received.tenant,
            capability=received.capability,
            target=received.target,
            decision=decided.decision,
            pending=decided.pending,
            changes_digest=decided.changes_digest,
            context_digest=decided.context_digest,
            evidence=_evidence(received),
        )

    def source(self, at: str) -> Sourced | None:
        """The action as a second source for a plan that waits; None unless it planned changes and wrote nothing.

        `at` is when it was asked for.
        """
        received, planned, closed = self.received, self.planned, self.closed
        if received is None or planned is None or closed is None or not planned.plan.changes:
            return None
        if closed.outcome not in (Outcome.PLANNED, Outcome.DRY_RUN):
            return None
        return Sourced(
            action=self.action,
            talent=received.talent,
            tenant=received.tenant,
            capability=received.capability,
            target=received.target,
            purpose=received.purpose,
            changes_digest=planned.changes_digest,
            at=at,
            evidence=_evidence(received),
            intent=received.intent,
            verdict=self.decided.decision.verdict if self.decided is not None else None,
            checked=_evidence(received).intersection(received.evidence),
        )

    @property
    def seed(self) -> int | None:
        """The seed that the plan was made with; None where no guest made it."""
        return self.planned.run.seed if self.planned is not None and self.planned.run is not None else None

    @property
    def doubtful(self) -> list[str]:
        """Changes of which an attempt was intended and never observed."""
        return [change for change in self.intended if change in self.unanswered]

    @property
    def uncertain(self) -> list[str]:
        """Changes of which neither an answer nor the world says whether they were made."""
        if self.closed is not None and self.closed.outcome in _SEEN:
            return []
        doubtful = self.doubtful
        unknown = [name for name, body in self.observed.items() if body.result == "unknown"]
        return [*doubtful, *(name for name in unknown if name not in doubtful)]

    @property
    def done(self) -> list[Change]:
        """Changes that were made, in the order in which they were sent: the target said so, or they were seen."""
        seen = self.closed is not None and self.closed.outcome in _SEEN
        results = ("answered", "unknown") if seen else ("answered",)
        names = (name for name, body in self.observed.items() if body.result in results)
        return [change for name in names if (change := self.plan.change(name)) is not None]

    @property
    def ended(self) -> bool:
        return self.closed is not None or self.refused is not None

    def report(self, receipt: bytes | None) -> Report:
        """The report of an action as its entries tell it; one without an ending is in doubt.

        Raises IF_ERR_BODY_ERASED where too little is left.
        """
        received, planned, decided = self.received, self.planned, self.decided
        if received is None or (self.erased and not self.ended):
            raise FabricError(Code.BODY_ERASED, f"the log no longer says what became of {self.action}")
        if self.waiting:
            outcome, code, message = Outcome.WAITING, Code.APPROVAL_REQUIRED.value, self._waits()
        elif not self.ended:
            message = f"it is not known what became of {', '.join(self.uncertain) or 'the action'}"
            outcome, code = Outcome.IN_DOUBT, Code.IN_DOUBT.value
        elif self.refused is not None:
            outcome, code, message = Outcome.REFUSED, self.refused.code, self.refused.message
        else:
            assert self.closed is not None
            outcome, code, message = self.closed.outcome, self.closed.code, self.closed.message
        return Report(
            action=self.action,
            trace=received.trace,
            purpose=received.purpose,
            capability=received.capability,
            target=received.target,
            outcome=outcome,
            error=FabricError(Code(code), message) if code and outcome in _ENDED_BADLY else None,
            plan=planned.plan if planned else None,
            requests=planned.requests if planned else (),
            hazards=planned.hazards if planned else (),
            decision=decided.decision if decided else None,
            changes_digest=planned.changes_digest if planned else "",
            context_digest=planned.context_digest if planned else "",
            pending=decided.pending if self.waiting and decided else None,
            attempts=self.falsified.attempts if self.falsified else (),
            remains=self.closed.remains if self.closed else None,
            retries=dict(self.retries),
            receipt=receipt,
        )


def _evidence(received: e.ActionReceived) -> frozenset[str]:
    """What the asker's claim rests on: where it was found, and what it said."""
    sources = received.claim.evidence if received.claim is not None else ()
    return frozenset(name for one in sources for name in (one.url, one.hash))
