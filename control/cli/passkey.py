"""`ifctl passkey`: which passkeys answer for whom. The console makes them; here they are seen and revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["passkey"]


@click.group("passkey")
def passkey() -> None:
    """Passkeys, by which people answer in the console."""


@passkey.add_command
@command("list", short_help="Whose passkeys there are.")
@click.option("--for", "talent", metavar="TALENT", help="Only those of this talent.")
def list_(shell: Shell, talent: str | None) -> None:
    """List passkeys, each with the host name that it works for."""
    from infrafabric.control.records.passkeys import passkey_json, passkeys

    def find(house: House) -> list[dict[str, Any]]:
        who = house.talent_named(talent) if talent is not None else None
        return [passkey_json(one) for one in passkeys(house, lambda it: who in (None, it.talent))]

    rows = look(shell, find)

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table("passkey", "talent", "works for", "label")
        for row in rows:
            table.add_row(*(Text(visible(row[name], 200)) for name in ("id", "talent", "rp_id", "label")))
        console.print(table if rows else "no passkeys yet; people make them in the console: `ifctl console`")

    shell.result({"passkeys": rows}, render)


@passkey.add_command
@command("revoke", short_help="Let a passkey answer nothing any more.")
@click.argument("name", metavar="PASSKEY")
@changing
def revoke(shell: Shell, name: str, why: str | None) -> None:
    """Revoke a passkey, by its id. What it agreed to and was not done yet is not done.

    An id that begins with a dash goes behind two of them: `ifctl passkey revoke --why "…" -- -abc`.
    """
    from infrafabric.control.records.passkeys import known_passkey, passkey_json

    reason = shell.why(why)

    async def work(house: House) -> dict[str, Any]:
        value = known_passkey(house, name)
        await house.record(house.operator(shell.trace).passkey(value, reason, "revoked"))
        return {"passkey": passkey_json(value), "change": "revoked"}

    shape = operating(shell, work)
    whose = shape["passkey"]["talent"]
    shell.result(shape, lambda console: console.print(f"passkey of {visible(whose, 200)} revoked", soft_wrap=True))
