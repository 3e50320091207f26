"""Acting, and telling what came of it: the report is shown whatever else goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from infrafabric.control.cli.frame import refusal
from infrafabric.control.cli.new_file import NewFile
from infrafabric.control.cli.opening import Work, acting
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.streams import OutputLost

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report
    from infrafabric.kernel.words.manifest import Effect

__all__ = ["acted"]


def acted(shell: Shell, work: Work[Report], receipt: Path | None) -> None:
    """Act, and show the report whatever goes wrong after it was made.

    The receipt's file is opened first, so that an action is not begun whose receipt could not be kept.
    """
    from infrafabric.control.cli.plan_view import signed_effects

    development = shell.home().is_development
    file = NewFile(receipt) if receipt is not None else None
    reports: list[Report] = []
    effects: dict[str, Effect] = {}

    async def kept(house: House) -> None:
        reports.append(await work(house))
        effects.update(signed_effects(house, reports[0]))

    late: BaseException | None = None
    try:
        acting(shell, kept)
    except BaseException as raised:
        if not reports:
            if file is not None:
                file.discard()
            raise
        late = raised
    _answer(shell, reports[0], effects, file, late, development=development)


def _answer(
    shell: Shell,
    report: Report,
    effects: Mapping[str, Effect],
    file: NewFile | None,
    late: BaseException | None,
    *,
    development: bool,
) -> None:
    """Keep the receipt, show the report with whatever failed since, and fail with the first of its errors."""
    from infrafabric.control.cli.action_view import report_json, show_report

    shape = report_json(report, effects)
    errors = [report.error] if report.error is not None else []
    if file is not None and (problem := file.end(report.receipt)) is not None:
        shape["receipt_error"] = problem.as_json()
        errors.append(problem)
    elif file is not None and report.receipt is not None:
        shape["receipt"] = str(file.path)
    if isinstance(late, Exception):
        afterwards = refusal(shell, late)
        shape["afterwards"] = afterwards.as_json()
        errors.append(afterwards)

    def render(console: Console) -> None:
        show_report(console, report, effects, development=development)
        if "receipt" in shape:
            console.print(f"receipt  {shape['receipt']}", style="dim")

    try:
        shell.result(shape, render)
    except OutputLost:
        shell.say(f"action {report.action}: {report.outcome.value}")
        raise
    if late is not None and not isinstance(late, Exception):
        raise late
    if errors:
        shell.failed(*errors)
