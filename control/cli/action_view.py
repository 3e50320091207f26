"""Plans and reports for people: what would change, by which request, and what came of it.

Everything but the kernel's own words is untrusted: the adapter wrote the summary and the note, the world the values.
Such text is shown with its hidden characters visible, capped, and under a heading that says whose it is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.words.plan import Outcome, Plan

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.kernel.ask import Report

__all__ = ["report_json", "show_plan", "show_report"]

VALUE_CAP = 160
REQUEST_CAP = 400

_WORDS = {
    Outcome.CONVERGED: ("✓", "green", "converged: the adapter looked again and found nothing left to do"),
    Outcome.DONE: ("✓", "green", "done: the provider answered that it happened"),
    Outcome.UNDONE: ("✓", "green", "undone: the state before the action was seen again"),
    Outcome.PLANNED: ("·", "cyan", "planned only: nothing was written"),
    Outcome.DRY_RUN: ("·", "cyan", "dry run: nothing was written"),
    Outcome.SETTLING: ("…", "yellow", "settling: sent, not seen yet"),
    Outcome.FAILED: ("✗", "red", "failed"),
    Outcome.REFUSED: ("✗", "red", "refused: nothing was written"),
    Outcome.IN_DOUBT: ("?", "red", "in doubt: it is not known whether a write took effect"),
}


def report_json(report: Report) -> dict[str, Any]:
    """All of a report but the receipt's bytes, as `--json` gives it; `error` is there exactly when it went wrong."""
    shape: dict[str, Any] = {
        "action": report.action,
        "trace": report.trace,
        "purpose": report.purpose,
        "capability": report.capability,
        "target": report.target,
        "outcome": report.outcome.value,
        "plan": report.plan.as_json() if report.plan is not None else None,
        "requests": list(report.requests),
        "hazards": list(report.hazards),
        "decision": report.decision.as_json() if report.decision is not None else None,
        "changes_digest": report.changes_digest,
        "context_digest": report.context_digest,
        "remains": report.remains.as_json() if report.remains is not None else None,
    }
    if report.error is not None:
        shape["error"] = report.error.as_json()
    return shape


def show_report(console: Console, report: Report, *, development: bool) -> None:
    """The plan as a table, the decision, the outcome. A report's error is told apart, on stderr."""
    from rich.text import Text

    if report.plan is not None:
        show_plan(console, report.plan, report.requests)
    if report.hazards:
        console.print(Text.assemble(("hazards  ", "bold"), (", ".join(map(visible, report.hazards)), "yellow")))
    if report.decision is not None:
        rules = ", ".join(map(visible, report.decision.rules))
        console.print(Text.assemble(("decision ", "bold"), f"{report.decision.verdict.value} ({rules})"))
    sign, colour, words = _WORDS.get(report.outcome, ("·", "", report.outcome.value))
    console.print(Text.assemble(("outcome  ", "bold"), (f"{sign} {words}", colour)))
    if report.remains is not None and report.remains.changes:
        console.print(Text("still to do, as the adapter sees it:", style="bold"))
        show_plan(console, report.remains, ())
    mark = "  (development home)" if development else ""
    console.print(Text(f"action   {report.action}  trace {report.trace}{mark}", style="dim"))


def show_plan(console: Console, plan: Plan, requests: tuple[str, ...]) -> None:
    """The changes of a plan in a table: before → after, the effect, and the request that the kernel would send."""
    from rich.table import Table
    from rich.text import Text

    if not plan.changes:
        console.print(Text("nothing to do: the state is as wanted"))
    else:
        table = Table(show_lines=True, title_justify="left", expand=False)
        for heading in ("change", "before → after", "effect and request"):
            table.add_column(heading, overflow="fold")
        for position, change in enumerate(plan.changes):
            request = requests[position] if position < len(requests) else ""
            effect = Text(f"{change.effect}{'  ⚠ ' + ', '.join(change.hazards) if change.hazards else ''}")
            if request:
                effect.append(f"\n{visible(request, REQUEST_CAP)}", style="dim")
            if change.inverse is None:
                effect.append("\ncannot be undone", style="yellow")
            table.add_row(Text(change.id), _difference(change.before, change.after), effect)
        console.print(table)
    said = [change.summary for change in plan.changes if change.summary] + ([plan.note] if plan.note else [])
    for words in said[:20]:
        console.print(Text(f"the adapter says (untrusted): {visible(words)}", style="italic"))


def _difference(before: Any, after: Any) -> Any:
    """Two values as lines: member by member where both are objects, as they stand otherwise."""
    from rich.text import Text

    if not (isinstance(before, dict) and isinstance(after, dict)):
        return Text(f"{_value(before)} → {_value(after)}")
    lines = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        name = visible(key, 60)
        lines.append(f"{name}: {_value(old)} → {_value(new)}" if old != new else f"{name}: {_value(old)}")
    return Text("\n".join(lines[:50]))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return visible(value, VALUE_CAP)
    return visible("–" if value is None else json.dumps(value, ensure_ascii=False), VALUE_CAP)
