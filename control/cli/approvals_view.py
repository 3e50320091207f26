"""Questions to people, as they are read before they are answered.

What is shown is the kernel's own rendering of target, named effect, arguments, before and after. Whatever the asker,
the adapter or the world wrote is marked as theirs, cut to length, and its hidden characters are visible.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.claim_view import claim_json, show_claim
from infrafabric.control.cli.plan_diff import counts
from infrafabric.control.cli.plan_view import show_plan
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.words.names import short_name

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.words.manifest import Effect
    from infrafabric.policy.approvals import PeopleApprovals

__all__ = [
    "batches",
    "check_tenant",
    "history_of",
    "question_json",
    "questions_json",
    "show_question",
    "show_questions",
]

ID_WIDTH = 36
ARGUMENTS_CAP = 400
WHY_CAP = 500


def history_of(house: House, action: str, who: str = "") -> History:
    """The fold of an action that waits.

    Raises IF_ERR_ACTION_UNKNOWN, also where it is of another tenant than the talent `who`, and IF_ERR_APPROVAL_INVALID
    where it does not wait.
    """
    if who:
        check_tenant(house, action, who)
    history = History.of(action, house.reading.entries(action))
    if not history.waiting:
        state = house.reading.facts.get("state", action)
        now = f": it is {state['state']} {state['code']}".rstrip() if state is not None else ""
        raise FabricError(
            Code.APPROVAL_INVALID,
            f"{action} does not wait for people{now}",
            remedy="`ifctl approvals list` shows what waits.",
        )
    return history


def check_tenant(house: House, action: str, who: str) -> None:
    """Raise IF_ERR_ACTION_UNKNOWN where the action is not of the tenant of the talent `who`, IF_ERR_TALENT_UNKNOWN."""
    asked = house.reading.facts.get("action", action)
    if asked is not None and asked["tenant"] != house.authority.talent(who).tenant:
        raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {action}")


def questions_json(house: House) -> list[dict[str, Any]]:
    """All open questions, the one that expires first at the head."""
    from infrafabric.control.people import approvals_of

    approvals, rows = approvals_of(house), []
    for action, fact in house.reading.facts.scan("pending"):
        history = History.of(action, house.reading.entries(action))
        if history.waiting:
            rows.append(_summary(approvals, history, str(fact["at"])))
    return sorted(rows, key=lambda row: (row["expires"], row["action"]))


def question_json(house: House, action: str) -> tuple[dict[str, Any], History, Mapping[str, Effect]]:
    """One question with all that its answer rests on; its fold; and the signed effects that it was planned under."""
    from infrafabric.control.people import approvals_of

    history = history_of(house, action)
    received, planned, asked = history.received, history.planned, history.asked
    assert received is not None and planned is not None
    fact = house.reading.facts.get("pending", action)
    shape = _summary(approvals_of(house), history, str(fact["at"]) if fact is not None else "")
    try:
        effects: Mapping[str, Effect] = house.registry.recorded(received.capability, planned.adapter).manifest.effects
    except FabricError:
        effects = {}
    shape |= {
        "why": received.why,
        "intent": dict(received.intent),
        "undoes": received.undoes,
        "claim": claim_json(house, received),
        "plan": planned.plan.as_json(),
        "counts": counts(planned.plan, effects),
        "requests": list(planned.requests),
        "address": dict(planned.address),
        "cost": planned.cost.as_json(),
        "context_digest": asked.context_digest,
        "nonce": asked.pending.nonce,
        "untrusted": ["why", "intent", "plan", "claim"],
    }
    return shape, history, effects


def _summary(approvals: PeopleApprovals, history: History, at: str) -> dict[str, Any]:
    asked, planned = history.asked, history.planned
    needs = asked.pending.needs
    counting = approvals.counting(asked, history.approvals)
    given = [
        {
            "by": one.approver,
            "source": one.source or None,
            "why": one.why,
            "key": one.key,
            "passkey": one.assertion.credential if one.assertion is not None else None,
            "counts": one in counting,
        }
        for one in history.approvals
    ]
    left = (datetime.fromisoformat(asked.pending.expires) - datetime.now(UTC)).total_seconds()
    return {
        "action": history.action,
        "at": at,
        "verdict": asked.decision.verdict.value,
        "reason": asked.decision.reason,
        "rules": list(asked.decision.rules),
        "talent": asked.talent,
        "tenant": asked.tenant,
        "purpose": history.received.purpose if history.received is not None else "",
        "capability": asked.capability,
        "target": asked.target,
        "hazards": list(planned.hazards) if planned is not None else [],
        "changes": len(history.plan.changes),
        "changes_digest": asked.changes_digest,
        "needs": needs.as_json(),
        "agreed": len(counting),
        "missing": approvals.missing(asked, history.approvals),
        "alike": _sameness(history),
        "given": given,
        "expires": asked.pending.expires,
        "left_s": max(0, int(left)),
        "overdue": approvals.overdue(asked.pending.expires),
    }


def batches(rows: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Questions that are the same to who answers, as `_sameness` has it. In order of their first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["alike"], []).append(row)
    return list(found.values())


def _sameness(history: History) -> str:
    """Digest of all that an answer rests on. The context digest has talent, capability, intent, changes, adapter,
    records, hazards, cost and what is undone; the rest of what is shown, but for the asker's reason, is added."""
    asked, received = history.asked, history.received
    assert received is not None
    decision = asked.decision
    shown = [asked.context_digest, asked.changes_digest, asked.tenant, asked.talent, asked.capability, asked.target]
    judged = [received.purpose, decision.verdict.value, decision.reason, list(decision.rules)]
    claim = received.claim.as_json() if received.claim is not None else None
    return sha256(dumps([*shown, *judged, asked.pending.needs.as_json(), claim, list(received.evidence)]))


def show_questions(console: Console, rows: list[dict[str, Any]]) -> None:
    """Similar questions in one row, with the time that the first of them has left."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        console.print("nothing waits for people")
        return
    table = Table()
    table.add_column("action", no_wrap=True, min_width=ID_WIDTH)
    for heading in ("left", "who asks", "what", "why people", "agreed"):
        table.add_column(heading, overflow="fold")
    for batch in batches(rows):
        first = batch[0]
        more = f"\nand {len(batch) - 1} more alike\n(--alike {len(batch)})" if len(batch) > 1 else ""
        verb = "undo by " if first["purpose"] == "undo" else ""
        what = f"{verb}{short_name(first['capability'])} on {first['target']}, {_changes(first['changes'])}"
        cells = (
            first["action"] + more,
            "over" if first["overdue"] else _left(first["left_s"]),
            visible(first["talent"], 100),
            what,
            f"{first['verdict']} ({visible(', '.join(first['rules']), 100)})",
            f"{first['agreed']} of {first['needs']['people']}{_roles(first['needs'])}",
        )
        table.add_row(*map(Text, cells))
    console.print(table)
    console.print(Text("ifctl approvals show ACTION   what is asked", style="dim"))


def show_question(console: Console, shape: dict[str, Any], history: History, effects: Mapping[str, Effect]) -> None:
    """One question, whole."""
    from rich.text import Text

    def line(name: str, text: str, style: str = "") -> None:
        console.print(Text.assemble((f"{name:<9}", "bold"), (text, style)), soft_wrap=True)

    def said(whose: str, text: str, cap: int) -> None:
        console.print(Text(f"{whose} (untrusted): {visible(text, cap)}", style="italic"), soft_wrap=True)

    verb = f"undo of {shape['undoes']} by " if shape["undoes"] else ""
    line("question", f"may {shape['talent']} do this? {verb}{short_name(shape['capability'])} on {shape['target']}")
    line("where", visible(_place(shape["address"]), ARGUMENTS_CAP))
    line("because", f"{shape['verdict']}: {visible(shape['reason'])} ({', '.join(map(visible, shape['rules']))})")
    if shape["hazards"]:
        line("hazards", ", ".join(map(visible, shape["hazards"])), "yellow")
    if shape["cost"].get("amount") not in (None, "0", 0):
        line("cost", visible(f"{shape['cost']['amount']} {shape['cost'].get('currency', '')}", 60))
    show_claim(console, shape["claim"])
    show_plan(console, history.plan, tuple(shape["requests"]), effects)
    for change in history.plan.changes:
        if change.args:
            shown = visible(json.dumps(dict(change.args), ensure_ascii=False), ARGUMENTS_CAP)
            console.print(Text(f"  arguments of {change.id} {change.effect}: {shown}", style="dim"), soft_wrap=True)
    if not effects:
        line("note", "the adapter that planned it is no longer here; approving it would find the plan stale", "yellow")
    said("the asker says", shape["why"], WHY_CAP)
    said("the asker wants", json.dumps(shape["intent"], ensure_ascii=False), WHY_CAP)
    for one in shape["given"]:
        counts_now = "" if one["counts"] else "; counts no longer"
        signer = f"passkey {one['passkey']}" if one["passkey"] else f"key {one['key']}"
        how = f"as a second source, {one['source']}" if one["source"] else signer
        line("agreed", f"{one['by']} ({how}{counts_now})")
    line("lacking", visible(shape["missing"], WHY_CAP) or "nothing")
    time_left = "its time is over" if shape["overdue"] else f"{_left(shape['left_s'])} left"
    line("until", f"{shape['expires']}, {time_left}")
    console.print(Text(f"changes  {shape['changes_digest']}\ncontext  {shape['context_digest']}", style="dim"))
    console.print(Text(f"Answer: ifctl approvals approve {shape['action']} --why …   or: … deny …", style="dim"))


def _changes(number: int) -> str:
    return "1 change" if number == 1 else f"{number} changes"


def _roles(needs: Mapping[str, Any]) -> str:
    return f" {' or '.join(needs['roles'])}" if needs.get("roles") else ""


def _left(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 2 * 3_600:
        return f"{seconds // 60} min"
    return f"{seconds // 3_600} h" if seconds < 2 * 86_400 else f"{seconds // 86_400} d"


def _place(address: Mapping[str, Any]) -> str:
    where = f"{address.get('scheme', '')}://{address.get('host', '')}:{address.get('port', '')}"
    return f"{where} ({address['class']})" if address.get("class") else where
