"""`ifctl witness clock`: whether the log goes by this machine's clock, and a person's word that it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.shell import Shell

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["clock"]


@command("clock", short_help="Say that a clock far ahead is right.")
@click.option("--confirm", is_flag=True, help="The clock is right although it is far ahead: go by it.")
@changing
def clock(shell: Shell, confirm: bool, why: str | None) -> None:
    """Show the clock beside the log's last entry; with --confirm go by it although it is far ahead.

    New work waits while the clock is further ahead than `clock_ahead_s` allows. Look at the date before you confirm it:
    once it is confirmed, an earlier one is refused.
    """
    if not confirm:
        if why is not None:
            stop("--why goes with --confirm")
        _show(shell)
        return
    from infrafabric.control.operator import OPERATOR

    reason = shell.why(why)

    async def work(house: House) -> dict[str, Any]:
        appended = await house.log.confirm_clock(reason, OPERATOR, shell.trace)
        return {"index": appended.index, "clock": appended.at, "change": "confirmed"}

    shape = operating(shell, work)
    shell.result(shape, lambda console: console.print(f"the log goes by the clock again, from {shape['clock']} on"))


def _show(shell: Shell) -> None:
    from infrafabric.control.log_time import log_time

    seen = look(shell, log_time)
    shape = {"clock": seen.now, "last_entry": seen.last, "error": seen.refusal and seen.refusal.as_json()}

    def render(console: Console) -> None:
        console.print(f"clock       {seen.now}\nlast entry  {seen.last}")

    shell.result(shape, render)
    if seen.refusal is not None:
        shell.failed(seen.refusal)
