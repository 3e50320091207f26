"""What the client asks, and what it makes of answers, without any I/O."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from infrafabric.control.client.answers import plan_of
from infrafabric.control.client.asynchronous import credentials
from infrafabric.control.client.calls import RefusedAction, act, answered, checked, following, reasoned
from infrafabric.control.client.events import Event, Events
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.verify import verify

REPORT: dict[str, Any] = {
    "action": "019a0000-0000-7000-8000-000000000001",
    "trace": "0" * 31 + "1",
    "capability": "if://capability/vmix.switcher",
    "target": "vmix@studio-a",
    "outcome": "planned",
    "plan": {"changes": [{"id": "change-1", "effect": "cut", "before": "Title\u202e", "after": "Intro"}]},
    "hazards": ["live-output"],
    "decision": {"verdict": "SHARE", "reason": "granted"},
    "changes_digest": "sha256:" + "a" * 64,
}


def test_a_plan_reads_as_lines_without_hidden_characters() -> None:
    plan = plan_of(REPORT, {"scene": "Intro"}, "show open")
    assert plan.review().splitlines() == [
        "vmix.switcher on vmix@studio-a",
        '  ~ change-1 cut: "Title\\u202e" → "Intro"',
        "hazards: live-output",
        "decision: SHARE: granted",
    ]


def test_an_apply_of_a_plan_expects_that_plan() -> None:
    call = act("apply", plan_of(REPORT, {"scene": "Intro"}, "show open"), None, on=None, why=None)
    assert call.body == {
        "capability": "if://capability/vmix.switcher",
        "intent": {"scene": "Intro"},
        "why": "show open",
        "purpose": "apply",
        "target": "vmix@studio-a",
        "expect": "sha256:" + "a" * 64,
    }


@pytest.mark.parametrize("why", [None, "", "  "])
def test_nothing_is_asked_without_a_reason(why: str | None) -> None:
    with pytest.raises(FabricError) as raised:
        act("apply", "vmix.switcher", {}, on=None, why=why)
    assert raised.value.code is Code.WHY_REQUIRED
    with pytest.raises(FabricError):
        reasoned("undo", "a", why or "")


def test_a_problem_is_raised_as_what_it_says() -> None:
    shape = {"code": "IF_ERR_RATE_LIMITED", "detail": "too often", "remedy": "wait", "retry_after": 0.5, "status": 429}
    with pytest.raises(FabricError) as raised:
        answered(429, json.dumps(shape).encode())
    assert (raised.value.code, raised.value.message, raised.value.retry_after) == (Code.RATE_LIMITED, "too often", 0.5)
    assert not isinstance(raised.value, RefusedAction)


def test_a_recorded_refusal_names_its_action() -> None:
    shape = {"code": "IF_ERR_DENIED", "detail": "no", "remedy": "ask", "action": "a-1"}
    with pytest.raises(RefusedAction) as raised:
        answered(403, json.dumps(shape).encode())
    assert raised.value.action == "a-1"
    assert copy.copy(raised.value).action == "a-1"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"code": "IF_ERR_OF_ANOTHER"}', b'{"error": "x"}'])
def test_what_is_no_kernel_is_told_so(body: bytes) -> None:
    with pytest.raises(FabricError) as raised:
        answered(502, body)
    assert raised.value.code is Code.SERVER_ANSWER


def test_a_receipt_is_verified_and_of_that_action() -> None:
    vectors = json.loads((Path(__file__).parents[2] / "vectors" / "witness.json").read_text())
    receipt, vkey = vectors["receipt"].encode(), vectors["vkey"]
    action = verify(receipt, [vkey]).action
    assert checked(receipt, action, [vkey]) == receipt
    with pytest.raises(FabricError) as raised:
        checked(receipt, "another", [vkey])
    assert raised.value.code is Code.RECEIPT_INVALID


def test_a_client_that_verifies_wants_a_key_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFRAFABRIC_VKEY", raising=False)
    monkeypatch.delenv("INFRAFABRIC_KEY", raising=False)
    with pytest.raises(FabricError) as raised:
        credentials(None, None, verify_receipts=False)
    assert raised.value.code is Code.AUTH_REQUIRED
    with pytest.raises(FabricError) as raised:
        credentials("ifk", None, verify_receipts=True)
    assert raised.value.code is Code.VKEY_INVALID
    assert credentials("ifk", None, verify_receipts=False) == ("ifk", None)


def test_looks_get_rarer_and_never_too_rare() -> None:
    pauses = [following(0.0)]
    for _ in range(20):
        pauses.append(following(pauses[-1]))
    assert pauses[0] == 0.2
    assert max(pauses) == 5.0
    assert pauses == sorted(pauses)


def test_events_are_made_of_lines() -> None:
    events = Events()
    lines = [": hello", "", "id: 7", "event: action.closed", 'data: {"a":', "data: 1}", "", "data: {}", ""]
    found = [event for line in lines for event in events.line(line)]
    assert found == [Event(7, "action.closed", {"a": 1})]
    assert events.last == 7
