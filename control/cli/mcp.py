"""`ifctl mcp`: a talent's capabilities as tools for the agent that starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from infrafabric.control.cli.frame import command, stop
from infrafabric.control.cli.opening import acting
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["mcp"]


@command("mcp", short_help="Serve a talent's capabilities to an agent (Model Context Protocol).")
@click.option("--stdio", is_flag=True, help="Speak on stdin and stdout, as agents start their servers.")
@click.option("--as", "talent", metavar="TALENT", required=True, help="The agent's talent.")
def mcp(shell: Shell, stdio: bool, talent: str) -> None:
    """Serve what TALENT was granted as MCP tools, until the agent closes stdin.

    In an agent's configuration: {"command": "ifctl", "args": ["mcp", "--stdio", "--as", "TALENT"]}
    """
    if not stdio:
        stop("--stdio is missing; over HTTP, `ifctl up` serves MCP under /mcp")
    try:
        from infrafabric.control.mcp.server import serve_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise FabricError(
            Code.EXTRA_MISSING, "the MCP server is not installed", remedy="pip install 'infrafabric[mcp]'"
        ) from None
    from infrafabric.control.mcp.http import check_agent

    async def work(house: House) -> None:
        who = house.talent_named(talent)
        check_agent(who)
        await serve_stdio(house, who)

    acting(shell, work)
