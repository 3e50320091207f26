"""`ifctl console`: a way into the console of the kernel that serves the home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import command
from infrafabric.control.cli.opening import reading
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["console"]


@command("console", short_help="A fresh one-time link to the console.")
@click.option("--for", "talent", metavar="TALENT", default="operator", show_default=True, help="Who comes in by it.")
def console(shell: Shell, talent: str) -> None:
    """Print a link to the console of the kernel that `ifctl up` runs. It opens one session, and soon it is over.

    Whoever has the link comes in as TALENT: open it in the browser of that person, on this machine.
    """
    import asyncio

    from infrafabric.control.local.calls import ConsoleLink
    from infrafabric.control.local.line import Line
    from infrafabric.control.local.place import is_served
    from infrafabric.control.log_keys import LOG

    async def work(house: House) -> dict[str, Any]:
        if not await asyncio.to_thread(is_served, house.home.root):
            said = f"no kernel serves {house.home.root}"
            raise FabricError(Code.SERVER_UNREACHABLE, said, remedy="Start one: `ifctl up`.")
        who = house.authority.talent(house.talent_named(talent)).id
        line = Line(house.home.root, lambda: house.keystore.load(LOG))
        answer: dict[str, str] = await line.call(ConsoleLink(talent=who))
        return {"url": answer["url"], "talent": who, "seconds": house.settings.serve.link_s}

    shape = reading(shell, work)
    shell.result(shape, lambda screen: screen.print(shape["url"], soft_wrap=True))
