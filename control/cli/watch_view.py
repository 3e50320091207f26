"""The events of a watch: a heading with the time for people, the plan table below it; one JSON object a line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.action_view import report_json
from infrafabric.control.cli.plan_view import show_plan
from infrafabric.control.cli.untrusted import visible
from infrafabric.control.watched import Event, News
from infrafabric.kernel.words.names import short_name

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.steps import Step
    from infrafabric.kernel.words.manifest import Effect

__all__ = ["event_json", "show_event"]

_WORDS = {
    News.IN_SYNC: ("✓", "green", "in sync"),
    News.DRIFT: ("~", "yellow", "drift"),
    News.APPLIED: ("✓", "green", "applied"),
    News.FAILED: ("✗", "red", "failed"),
    News.UNREACHABLE: ("✗", "red", "unreachable"),
    News.RECOVERED: ("✓", "green", "recovered"),
    News.FIGHTING: ("!", "bold red", "fighting"),
}


def event_json(step: Step, event: Event, effects: Mapping[str, Effect]) -> dict[str, Any]:
    """One event as a line of `--json` holds it. `report` is that of the look or apply that it comes from."""
    shape: dict[str, Any] = {
        "event": event.news.value,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "id": step.id,
        "applying": event.applying,
        "report": report_json(event.report, effects),
    }
    if event.error is not None:
        shape["error"] = event.error.as_json()
    if event.applies:
        shape["applies"] = event.applies
    if event.pause_s:
        shape["retry_in_s"] = round(event.pause_s, 3)
    return shape


def show_event(console: Console, step: Step, event: Event, effects: Mapping[str, Effect], *, named: bool) -> None:
    """`named`: whether the step's id is worth telling, there being several."""
    from rich.text import Text

    sign, colour, words = _WORDS[event.news]
    report = event.report
    time = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    who = f"{short_name(report.capability)}{f' on {report.target}' if report.target else ''}"
    title = Text.assemble(
        (f"{time}  ", "dim"), (f"{sign} {words}", colour), f"  {f'{step.id}: ' if named else ''}{who}"
    )
    if event.error is not None:
        title.append(f"  {event.error.code.value}: {visible(event.error.message)}")
    if more := _more(event):
        title.append(f"  ({more})", style="dim")
    console.print(title)
    if event.news is News.DRIFT and report.plan is not None:
        show_plan(console, report.plan, report.requests, effects)
    for warning in report.warnings:
        console.print(Text(f"warning  {visible(warning)}", style="yellow"))


def _more(event: Event) -> str:
    report = event.report
    match event.news:
        case News.FIGHTING:
            return f"applied {event.applies} times and it did not last; not applied any more by this watch"
        case News.APPLIED:
            return f"{report.outcome.value}, action {report.action}"
        case News.FAILED if report.purpose == "apply" and event.applies:
            stops = "" if event.applying else "; not applied any more by this watch"
            return f"{report.outcome.value.replace('_', ' ')}, action {report.action}{stops}"
        case _:
            what = "applied" if event.news is News.DRIFT else "again"
            return f"{what} in {event.pause_s:.0f} s" if event.pause_s else ""
