"""`ifctl target reset-breaker`, and how `ifctl target list` shows what is cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.opening import operating
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.words.names import short_name

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["reset_breaker", "shown_breakers"]


@command("reset-breaker", short_help="Let calls through again that were cut off.")
@click.argument("name", metavar="PRODUCT@NAME")
@changing
def reset_breaker(shell: Shell, name: str, why: str | None) -> None:
    """Close every breaker of a target: the next call goes through, as after a repair that you know of.

    Without it one call tries again when the time is over that `ifctl target list` shows. A target that is changed
    begins with closed breakers anyhow.
    """
    from infrafabric.control.breaking import closings

    reason = shell.why(why)

    async def work(house: House) -> list[str]:
        target = house.authority.target(name)
        entries = closings(house.log.facts, name, tenant=target.tenant, trace=shell.trace, why=reason)
        if entries:
            await house.record(*entries)
        return [entry.body.as_json()["capability"] for entry in entries]

    closed = operating(shell, work)

    def render(console: Console) -> None:
        for capability in closed:
            console.print(f"{short_name(capability)} on {name}: calls go through again", soft_wrap=True)
        if not closed:
            console.print(f"nothing on {name} is cut off", soft_wrap=True)

    shell.result({"target": name, "closed": closed}, render)


def shown_breakers(found: Sequence[Mapping[str, Any]]) -> str:
    """One line for each breaker that is not closed."""
    return "".join(
        f"\n{short_name(one['capability'])} cut off{_until(one)}: {one['failures']} failures, {one['cause']}"
        for one in found
    )


def _until(one: Mapping[str, Any]) -> str:
    return f" until {one['until']}" if one["state"] == "open" else ", being tried"
