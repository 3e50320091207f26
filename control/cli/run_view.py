"""A run of a list of intents for people and programs: each step with its report, what was taken back, what stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.action_view import report_json, show_report
from infrafabric.control.cli.untrusted import visible
from infrafabric.control.sequence import Ended, Sequence, Taken
from infrafabric.kernel.words.names import short_name
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.kernel.words.manifest import Effect

__all__ = ["Effects", "run_json", "show_run", "step_title"]

Effects = Mapping[str, Mapping[str, "Effect"]]
"""Signed templates by capability id."""

_WORDS = {
    Ended.DONE: "all of it is done",
    Ended.PLANNED: "planned only: nothing was written",
    Ended.DRY_RUN: "dry run: nothing was written",
    Ended.REFUSED: "nothing was written",
    Ended.UNDONE: "what was done is taken back: nothing of this run stays",
}


def run_json(run: Sequence, effects: Effects) -> dict[str, Any]:
    """The run as `--json` gives it; `error` is there when it knows of a reason not to have ended well."""
    shape: dict[str, Any] = {
        "run": run.steps.name,
        "trace": run.trace,
        "purpose": run.purpose,
        "outcome": run.ended.value,
        "stays": list(run.stays),
        "steps": [_step_json(run, taken, effects) for taken in run.taken],
    }
    if run.failed is not None:
        shape["failed"] = run.failed.step.id
    if run.error is not None:
        shape["error"] = run.error.as_json()
    return shape


def show_run(console: Console, run: Sequence, effects: Effects, *, development: bool) -> None:
    """Each report, then one line a step and one for the whole. Errors are told apart, on stderr."""
    from rich.text import Text

    for number, taken in enumerate(run.taken, 1):
        if taken.report is not None:
            dash = "--" if console.options.ascii_only else "──"
            console.print(Text(f"{dash} {number}/{len(run.taken)} {taken.step.id}", style="bold"))
            show_report(console, taken.report, effects.get(taken.step.capability), development=development)
            console.print()
    width = max(len(taken.step.id) for taken in run.taken)
    for number, taken in enumerate(run.taken, 1):
        sign, colour, words = _outcome(taken)
        line = Text.assemble((sign, colour), f" {number:>2} {taken.step.id:<{width}}  ", (words, colour))
        console.print(Text.assemble(line, (f"  {step_title(taken)}", "dim")))
    if run.ended is Ended.FAILED:
        console.print(Text(f"what these steps wrote stays, or may stay: {', '.join(run.stays)}", style="bold red"))
    else:
        console.print(Text(_WORDS[run.ended], style="bold"))
    console.print(Text(f"trace    {run.trace}{'  (development home)' if development else ''}", style="dim"))


def step_title(taken: Taken) -> str:
    """`vmix.switcher on vmix@studio-a`"""
    target = taken.report.target if taken.report is not None and taken.report.target else taken.step.on
    return f"{short_name(taken.step.capability)}{f' on {target}' if target else ''}"


def _step_json(run: Sequence, taken: Taken, effects: Effects) -> dict[str, Any]:
    known = effects.get(taken.step.capability)
    shape: dict[str, Any] = {
        "id": taken.step.id,
        "capability": taken.step.capability,
        "action": taken.action or None,
        "begun": taken.begun,
        "wrote": taken.wrote,
        "stays": taken.step.id in run.stays,
        "report": report_json(taken.report, known) if taken.report is not None else None,
        "undo": report_json(taken.undo, known) if taken.undo is not None else None,
    }
    if taken.error is not None:
        shape["error"] = taken.error.as_json()
    if taken.undo_error is not None:
        shape["undo_error"] = taken.undo_error.as_json()
    return shape


def _outcome(taken: Taken) -> tuple[str, str, str]:
    if taken.error is not None:
        unreported = "cut off" if taken.wrote else "refused" if taken.begun else "not begun"
        outcome = taken.report.outcome.value if taken.report is not None else unreported
        sign, colour, words = "✗", "red", f"{outcome.replace('_', ' ')} {taken.error.code.value}"
    elif taken.report is None:
        sign, colour, words = ("?", "red", "cut off") if taken.begun else ("·", "dim", "not begun")
    else:
        idle = taken.report.outcome is Outcome.CONVERGED and taken.report.plan is not None and not taken.wrote
        words = "as wanted already" if idle else taken.report.outcome.value.replace("_", " ")
        sign, colour = "✓", "green"
    if taken.undo is not None and taken.undo.outcome is Outcome.UNDONE:
        words, sign, colour = f"{words}, taken back", "↶" if taken.error is None else sign, "yellow"
    elif taken.undo_error is not None:
        words = f"{words}, not taken back: {visible(taken.undo_error.code.value)}"
        colour = "red"
    return sign, colour, words
