"""Reports for people: the plan, what was decided on it, and what came of it.

Everything but the kernel's own words is untrusted: the adapter wrote the summary and the note, the world the values.
Such text is shown with its hidden characters visible, capped, and under a heading that says whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.attempts_view import attempts_json, show_attempts
from infrafabric.control.cli.plan_diff import counts
from infrafabric.control.cli.plan_view import show_plan
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.words.names import short_name
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report
    from infrafabric.kernel.ports import Facts
    from infrafabric.kernel.words.manifest import Effect

__all__ = ["action_row", "actions_json", "report_json", "show_report", "told_json"]

_WORDS = {
    Outcome.CONVERGED: ("✓", "green", "converged: the adapter looked again and found nothing left to do"),
    Outcome.DONE: ("✓", "green", "done: the provider answered that it happened"),
    Outcome.UNDONE: ("✓", "green", "undone: the state before the action was seen again"),
    Outcome.PLANNED: ("·", "cyan", "planned only: nothing was written"),
    Outcome.DRY_RUN: ("·", "cyan", "dry run: nothing was written"),
    Outcome.WAITING: ("…", "yellow", "waiting: people have to agree first; nothing was written"),
    Outcome.SETTLING: ("…", "yellow", "settling: sent, not seen yet"),
    Outcome.FAILED: ("✗", "red", "failed"),
    Outcome.REFUSED: ("✗", "red", "refused: nothing was written"),
    Outcome.IN_DOUBT: ("?", "red", "in doubt: it is not known whether a write took effect"),
}


def report_json(report: Report, effects: Mapping[str, Effect] | None = None) -> dict[str, Any]:
    """All of a report but the receipt's bytes, as `--json` gives it; `error` is there exactly when it went wrong.

    `counts` says how many changes add, change and remove, which `effects`, the signed templates, help to tell.
    """
    shape: dict[str, Any] = {
        "action": report.action,
        "trace": report.trace,
        "purpose": report.purpose,
        "capability": report.capability,
        "target": report.target,
        "outcome": report.outcome.value,
        "plan": report.plan.as_json() if report.plan is not None else None,
        "counts": counts(report.plan, effects or {}) if report.plan is not None else None,
        "requests": list(report.requests),
        "hazards": list(report.hazards),
        "decision": report.decision.as_json() if report.decision is not None else None,
        "changes_digest": report.changes_digest,
        "context_digest": report.context_digest,
        "remains": report.remains.as_json() if report.remains is not None else None,
    }
    if report.warnings:
        shape["warnings"] = list(report.warnings)
    if report.attempts:
        shape["attempts"] = attempts_json(report.attempts)
    if report.retries:
        shape["retries"] = {change: retry.as_json() for change, retry in report.retries.items()}
    if report.pending is not None:
        shape["pending"] = report.pending.as_json()
    if report.error is not None:
        shape["error"] = report.error.as_json()
    return shape


def actions_json(house: House, only_open: bool, limit: int) -> list[dict[str, Any]]:
    """The newest actions, newest first."""
    facts = house.reading.facts
    still_open = {key for key, _ in facts.scan("open")}
    rows = []
    for key, asked in reversed(facts.scan("action")):
        if only_open and key not in still_open:
            continue
        rows.append(action_row(facts, key, asked))
        if len(rows) == limit:
            break
    return rows


def action_row(facts: Facts, action: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, and where it stands."""
    state = facts.get("state", action) or {"state": "unknown", "code": "", "message": ""}
    return {"action": action, **asked, **{name: state[name] for name in ("state", "code", "message")}}


def told_json(house: House, action: str) -> tuple[dict[str, Any], Report]:
    """All that is known of an action, as its entries tell it. Raises IF_ERR_ACTION_UNKNOWN."""
    from infrafabric.kernel.history import History

    history = History.of(action, house.reading.entries(action))
    report = history.report(None)
    asked = house.reading.facts.get("action", action) or {}
    state = house.reading.facts.get("state", action) or {}
    changes = []
    for name, intended in history.intended.items():
        seen = history.observed.get(name)
        result = seen.result if seen is not None else "not known yet"
        message = seen.message if seen is not None else ""
        changes.append({"id": name, "effect": intended.effect, "result": result, "message": message})
    shape = {**report_json(report), "state": state.get("state", ""), "changes": changes}
    return {**shape, **{key: asked.get(key, "") for key in ("talent", "why", "at")}}, report


def show_report(
    console: Console, report: Report, effects: Mapping[str, Effect] | None = None, *, development: bool
) -> None:
    """The plan as a table, the decision, the outcome. A report's error is told apart, on stderr."""
    from rich.text import Text

    if report.plan is not None:
        on = f" on {report.target}" if report.target else ""
        console.print(Text(f"{short_name(report.capability)}{on}", style="bold"))
        show_plan(console, report.plan, report.requests, effects)
    if report.hazards:
        console.print(Text.assemble(("hazards  ", "bold"), (", ".join(map(visible, report.hazards)), "yellow")))
    if report.decision is not None:
        rules = ", ".join(map(visible, report.decision.rules))
        console.print(Text.assemble(("decision ", "bold"), f"{report.decision.verdict.value} ({rules})"))
    for warning in report.warnings:
        console.print(Text.assemble(("warning  ", "bold"), (visible(warning), "yellow")))
    show_attempts(console, attempts_json(report.attempts))
    for change, retry in report.retries.items():
        cause = f", after {retry.cause}" if retry.cause else ""
        console.print(
            Text.assemble(("attempts ", "bold"), f"{visible(change)}: {retry.attempt} of {retry.limit}{cause}")
        )
    sign, colour, words = _WORDS.get(report.outcome, ("·", "", report.outcome.value))
    console.print(Text.assemble(("outcome  ", "bold"), (f"{sign} {words}", colour)))
    if report.pending is not None:
        console.print(Text.assemble(("until    ", "bold"), report.pending.expires))
        console.print(Text(f"answer   ifctl approvals show {report.action}", style="dim"))
    if report.remains is not None and report.remains.changes:
        console.print(Text("still to do, as the adapter sees it:", style="bold"))
        show_plan(console, report.remains, (), effects, label="Left")
    mark = "  (development home)" if development else ""
    console.print(Text(f"action   {report.action}  trace {report.trace}{mark}", style="dim"))
