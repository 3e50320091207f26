"""The client's requests and what their answers mean, without any I/O."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from infrafabric.control.client.answers import Plan
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.verify import verify

__all__ = ["Call", "RefusedAction", "act", "answered", "checked", "following", "receipt_in", "reasoned", "seen"]

MOST_ANSWER = 64 << 20
_WAIT_S = (0.2, 5.0)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, relative to the kernel's address."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


class RefusedAction(FabricError):
    """A refusal that the log knows: `action` is its id, `report` the kernel's whole answer."""

    def __init__(self, error: FabricError, action: str, report: Mapping[str, Any]) -> None:
        super().__init__(error.code, error.message, remedy=error.remedy, retry_after=error.retry_after)
        self.action = action
        self.report = report

    def __reduce__(self) -> tuple[object, ...]:
        bare = FabricError(self.code, self.message, remedy=self.remedy, retry_after=self.retry_after)
        return (RefusedAction, (bare, self.action, self.report))


def act(
    purpose: str,
    what: Plan | str,
    intent: Mapping[str, Any] | None,
    *,
    on: str | None,
    why: str | None,
    idempotency_key: str | None = None,
    **more: Any,
) -> Call:
    """Ask for a plan or an apply; of a plan that was looked at, for what it said and nothing else.

    Raises IF_ERR_WHY_REQUIRED, IF_ERR_USAGE.
    """
    if isinstance(what, Plan):
        if intent is not None:
            raise FabricError(Code.USAGE, "a plan has its intent already: give the one or the other")
        intent, on, why = what.intent, on or what.target, why or what.why
        if purpose == "apply":
            more.setdefault("expect", what.changes_digest)
        what = what.capability
    if intent is None:
        raise FabricError(Code.USAGE, f"{what} is asked for without an intent")
    if why is None or not why.strip():
        raise FabricError(Code.WHY_REQUIRED, f"no reason was given for {purpose} of {what}")
    body = {"capability": what, "intent": dict(intent), "why": why, "purpose": purpose}
    if on is not None:
        body["target"] = on
    body |= {name: value for name, value in more.items() if value is not None}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    return Call("POST", "/v1/actions", body, headers)


def reasoned(verb: str, action: str, why: str, idempotency_key: str | None = None) -> Call:
    """`undo`, `cancel`. Raises IF_ERR_WHY_REQUIRED."""
    if not why.strip():
        raise FabricError(Code.WHY_REQUIRED, f"no reason was given for {verb} of {action}")
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    return Call("POST", f"/v1/actions/{quote(action, safe='')}/{verb}", {"why": why}, headers)


def seen(action: str) -> Call:
    return Call("GET", f"/v1/actions/{quote(action, safe='')}")


def receipt_in(action: str) -> Call:
    return Call("GET", f"/v1/actions/{quote(action, safe='')}/receipt")


def answered(status: int, body: bytes) -> dict[str, Any]:
    """The JSON object of an answer. Raises what a problem says, IF_ERR_SERVER_ANSWER for what no kernel says."""
    try:
        shape = json.loads(body)
    except ValueError:
        raise FabricError(Code.SERVER_ANSWER, f"an answer of status {status} is no JSON") from None
    if not isinstance(shape, dict):
        raise FabricError(Code.SERVER_ANSWER, f"an answer of status {status} is no JSON object")
    if status < 400:
        return shape
    error = _refusal(status, shape)
    action = shape.get("action")
    raise RefusedAction(error, action, shape) if isinstance(action, str) and action else error


def _refusal(status: int, shape: Mapping[str, Any]) -> FabricError:
    code, detail, remedy = shape.get("code"), shape.get("detail"), shape.get("remedy")
    if not (isinstance(code, str) and isinstance(detail, str) and code in Code.__members__.values()):
        return FabricError(Code.SERVER_ANSWER, f"status {status} comes without a code that this client knows")
    wait = shape.get("retry_after")
    return FabricError(
        Code(code),
        detail,
        remedy=remedy if isinstance(remedy, str) else None,
        retry_after=float(wait) if isinstance(wait, (int, float)) else None,
    )


def checked(receipt: bytes | str | None, action: str, vkeys: Sequence[str] | None) -> bytes | None:
    """The receipt's bytes, verified by the given keys; `vkeys` None takes it unseen.

    Raises IF_ERR_NOTE_INVALID, IF_ERR_PROOF_INVALID, IF_ERR_RECEIPT_INVALID also where it is another action's.
    """
    if receipt is None:
        return None
    if isinstance(receipt, str):
        try:
            receipt = base64.b64decode(receipt, validate=True)
        except (ValueError, binascii.Error):
            raise FabricError(Code.RECEIPT_INVALID, f"the receipt of {action} is no base64") from None
    if vkeys is not None:
        proof = verify(receipt, vkeys)
        if proof.action != action:
            raise FabricError(Code.RECEIPT_INVALID, f"the receipt is of {proof.action or 'no action'}, not of {action}")
    return receipt


def following(pause: float) -> float:
    """The pause after `pause` between two looks at an action that waits, in seconds; the first after 0."""
    first, longest = _WAIT_S
    return min(max(pause * 1.5, first), longest)
