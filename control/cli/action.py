"""`ifctl action`: what was asked for and where it stands, and stopping it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.opening import acting, look
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report

__all__ = ["action"]

CANCELLED_S = 15.0
"""How long another process is given to end an action: its write under way may take as long as its deadline."""
ASKED_S = 0.1


@click.group("action")
def action() -> None:
    """Actions: what was asked for, where it stands, and stopping it."""


@action.add_command
@command("list", short_help="The newest actions, and where each stands.")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not over: under way, waiting, in doubt.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
def list_(shell: Shell, only_open: bool, limit: int) -> None:
    """List actions, newest first: who asked for what, on which target, and what became of it."""
    from infrafabric.control.cli.action_view import actions_json

    rows = look(shell, lambda house: actions_json(house, only_open, limit))

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        from infrafabric.control.cli.approvals_view import ID_WIDTH
        from infrafabric.kernel.words.names import short_name

        table = Table()
        table.add_column("action", no_wrap=True, min_width=ID_WIDTH)
        for heading in ("asked at", "by", "what", "on", "state"):
            table.add_column(heading, overflow="fold")
        for row in rows:
            what = f"{row['purpose']} {short_name(row['capability'])}"
            state = f"{row['state']} {row['code']}".strip()
            cells = (row["action"], row["at"], row["talent"], what, row["target"], state)
            table.add_row(*(Text(visible(str(cell), 200)) for cell in cells))
        console.print(table if rows else "no actions")

    shell.result({"actions": rows}, render)


@action.add_command
@command("show", short_help="What an action is, and where it stands.")
@click.argument("name", metavar="ACTION")
def show(shell: Shell, name: str) -> None:
    """Show who asked for an action and why, its plan, what was written of it, and how it ended."""
    from infrafabric.control.cli.action_view import told_json

    shape, report = look(shell, lambda house: told_json(house, name))

    def render(console: Console) -> None:
        from rich.text import Text

        from infrafabric.control.cli.action_view import show_report

        show_report(console, report, development=shell.home().is_development)
        console.print(Text(f"asked    by {shape['talent']} at {shape['at']}: {visible(shape['why'], 1_000)}"))
        for change in shape["changes"]:
            text = f"  {change['id']}  {change['effect']}: {change['result']}"
            console.print(Text(visible(f"{text} ({change['message']})" if change["message"] else text, 500)))
        if report.error is not None:
            console.print(Text(visible(str(report.error), 1_000), style="yellow"))

    shell.result(shape, render)


@action.add_command
@command("cancel", short_help="Stop an action before its next write.")
@click.argument("name", metavar="ACTION")
@click.option("--as", "talent", metavar="TALENT", help="Who cancels it; else the operator.")
@changing
def cancel(shell: Shell, name: str, talent: str | None, why: str | None) -> None:
    """Stop an action before its next write, also one that another process has under way or that waits for people.

    What was written before stands; `ifctl capability undo` takes it back.
    """
    from infrafabric.control.cli.action_view import report_json, show_report
    from infrafabric.control.cli.stop import home_is_open, named_talent

    reason, who = shell.why(why), named_talent(shell, talent)
    look(shell, lambda house: _check_open(house, name, who))
    if home_is_open(shell):
        report = _cancel_there(shell, name, who, reason)
    else:

        async def work(house: House) -> Report:
            return await house.kernel.cancel(name, who, reason)

        report = acting(shell, work)
    if report.error is None or report.error.code is not Code.CANCELLED:
        message = f"{name} was over before it could be cancelled: it is {report.outcome.value}"
        raise FabricError(Code.NOT_UNDER_WAY, message)

    def render(console: Console) -> None:
        show_report(console, report, development=shell.home().is_development)

    shell.result({"cancelled": name, "by": who, "report": report_json(report)}, render)


def _cancel_there(shell: Shell, action: str, who: str, why: str) -> Report:
    """Have the process that has the home open cancel the action, and wait for what it says."""
    from infrafabric.control.stop_file import StopFolder

    folder = StopFolder(shell.home().root)
    folder.cancel(action, who, why, shell.trace)
    shell.progress("asking the process that has the home open")
    until = time.monotonic() + CANCELLED_S
    while True:
        noticed = action not in folder.cancelled()
        report = look(shell, lambda house: _ended(house, action))
        if report is not None:
            return report
        if noticed:
            raise FabricError(Code.NOT_UNDER_WAY, f"{action} could not be cancelled: it is in doubt, or not {who}'s")
        if time.monotonic() >= until:
            message = f"{action} is not over yet; it stops before its next write"
            raise FabricError(Code.BUSY, message, retry_after=1)
        time.sleep(ASKED_S)


def _check_open(house: House, action: str, who: str) -> None:
    """Raise IF_ERR_ACTION_UNKNOWN, also for another tenant's action, or IF_ERR_NOT_UNDER_WAY for one that is over."""
    from infrafabric.control.cli.approvals_view import check_tenant

    check_tenant(house, action, who)
    report = _ended(house, action)
    if report is not None:
        raise FabricError(Code.NOT_UNDER_WAY, f"{action} is over: it is {report.outcome.value}")


def _ended(house: House, action: str) -> Report | None:
    from infrafabric.kernel.history import History

    history = History.of(action, house.reading.entries(action))
    return history.report(None) if history.ended else None
