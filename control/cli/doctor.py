"""`ifctl doctor`: look whether everything is in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from infrafabric.control.cli.frame import await_, command
from infrafabric.control.cli.opening import asked_passphrase
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["doctor"]


@command("doctor")
def doctor(shell: Shell) -> None:
    """Look at this machine and the home: sandbox, keys, log, trust, clock, disk, adapters, targets. Changes nothing.

    The exit status is 1 when something is wrong.
    """
    from infrafabric.control.doctor import State, examine_all
    from infrafabric.keys.passphrase import Passphrase

    passphrase = Passphrase(file=shell.passphrase_file, prompt=asked_passphrase(shell, f"passphrase of {shell.root}"))
    looks = await_(lambda: examine_all(shell.root, passphrase, shell.progress))
    healthy = all(look.state is not State.BAD for look in looks)
    rows = [{"what": one.what, "state": one.state.value, "said": one.said, "remedy": one.remedy} for one in looks]

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        signs = {"good": ("✓", "green"), "note": ("·", "yellow"), "bad": ("✗", "red")}
        table = Table("", "what", "seen", "what to do")
        for row in rows:
            cells = (Text(visible(row[name], 500)) for name in ("what", "said", "remedy"))
            table.add_row(Text(*signs[row["state"]]), *cells)
        console.print(table)

    shell.result({"healthy": healthy, "looks": rows}, render)
    if not healthy:
        raise click.exceptions.Exit(1)
