"""What a sender is told of an admitted message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from infrafabric.control.messages.routing import Routed
from infrafabric.kernel.ask import Report
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.manifest import Effect
from infrafabric.transports.envelopes.admission import Step
from infrafabric.transports.envelopes.opening import Opened
from infrafabric.witness.receipt import OpenedEntry, Receipt, as_json
from infrafabric.witness.writer import Proven

__all__ = ["Answer", "answer_json"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A message that is in the log."""

    opened: Opened
    step: Step
    routed: Routed
    proven: Proven
    origin: str
    development: bool
    report: Report | None = None
    """What became of a request."""
    error: FabricError | None = None
    """Why a request did not even become an action."""
    effects: Mapping[str, Effect] | None = None
    """The signed templates that the report's plan was made under."""

    @property
    def failure(self) -> FabricError | None:
        """What went wrong with a request; None where nothing did."""
        return self.error or (self.report.error if self.report is not None else None)


def answer_json(answer: Answer) -> dict[str, Any]:
    """The shape that every door answers with. `receipt` proves the message's entry to whoever has the log's key;
    `report` is that of `ifctl capability apply`, for a request that became an action; `error` why it did not."""
    envelope, proven, routed = answer.opened.envelope, answer.proven, answer.routed
    shape: dict[str, Any] = {
        "id": envelope.id,
        "sender": envelope.sender,
        "performative": envelope.performative,
        "conversation_id": envelope.conversation_id,
        "seq": envelope.seq,
        "gap": answer.step.gap,
        "verdict": routed.verdict.value,
        "rules": list(routed.rules),
        "reason": routed.reason,
        "confidence": str(Decimal(routed.confidence) / 1000),
        "digest": answer.opened.digest,
        "index": proven.number,
        "at": proven.at,
        "receipt": _receipt(answer),
    }
    if answer.report is not None:
        from infrafabric.control.cli.action_view import report_json

        shape["report"] = report_json(answer.report, answer.effects)
    if answer.error is not None:
        shape["error"] = answer.error.as_json()
    return shape


def _receipt(answer: Answer) -> dict[str, Any]:
    proven = answer.proven
    entry = OpenedEntry(proven.number, proven.leaf, proven.proof, proven.body, proven.salt)
    return as_json(Receipt(answer.origin, proven.checkpoint, (entry,), answer.development))
