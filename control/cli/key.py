"""`ifctl key`: API keys, by which callers of the HTTP API, the console's scripts and agents are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.lengths import overlap
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["key"]

_SCOPES = ("read", "plan", "act", "approve", "administer", "metrics")
_WHEN = "90m, 12h, 7d, 2w, 2027-12-01 or 2027-12-01T18:00:00Z"


@click.group("key")
def key() -> None:
    """API keys: who may call over HTTP, for what, until when."""


@key.add_command
@command("add", short_help="Give a talent an API key, and show it once.")
@click.option("--for", "talent", metavar="TALENT", required=True, help="Whose it is: it may never do more than that.")
@click.option(
    "--scope", "scopes", type=click.Choice(_SCOPES), multiple=True, required=True,
    help="What it may be used for; may be given several times.",
)  # fmt: skip
@click.option("--expires", metavar="WHEN", help=f"Until then: {_WHEN}. Else until it is revoked.")
@click.option("--label", metavar="TEXT", default="", help="What it is for, to know it by.")
@changing
def add(shell: Shell, talent: str, scopes: tuple[str, ...], expires: str | None, label: str, why: str | None) -> None:
    """Give a talent an API key. Its text is shown now and kept nowhere: the log has a digest of it.

    ifctl key add --for Finance.Agent --scope read --scope act --expires 30d --label "night run" --why "earnings pass"
    """
    from infrafabric.control.records.api_keys import fresh_key, key_json
    from infrafabric.control.records.grants import parse_expires

    reason = shell.why(why)

    async def work(house: House) -> dict[str, Any]:
        owner = house.authority.talent(house.talent_named(talent))
        until = parse_expires(expires, house.clock()) if expires is not None else ""
        value, text = fresh_key(owner, scopes, until, label)
        await house.record(house.operator(shell.trace).api_key(value, reason))
        return {"key": key_json(value, house.clock()), "change": "added", "text": text}

    shape = operating(shell, work)
    shell.result(shape, lambda console: _shown(console, shape))


@key.add_command
@command("list", short_help="The API keys that are not revoked.")
@click.option("--for", "talent", metavar="TALENT", help="Only those of this talent.")
@click.option("--tenant", metavar="TENANT", help="Only those of this tenant.")
def list_(shell: Shell, talent: str | None, tenant: str | None) -> None:
    """List the API keys with what they are for. Those that are over are marked."""
    from infrafabric.control.records.api_keys import keys_json

    def found(house: House) -> list[dict[str, Any]]:
        whose = house.talent_named(talent) if talent is not None else None
        return keys_json(house, lambda it: whose in (None, it.talent) and tenant in (None, it.tenant))

    rows = look(shell, found)

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table("id", "talent", "for", "until", "label")
        for row in rows:
            until = f"{row['expires']}{' (over)' if row['expired'] else ''}" if row["expires"] else "it is revoked"
            names = (row["id"], row["talent"], ", ".join(row["scopes"]), until, visible(row["label"]))
            table.add_row(*map(Text, names))
        console.print(table if rows else "no API keys yet; `ifctl key add` makes one")

    shell.result({"keys": rows}, render)


@key.add_command
@command("rotate", short_help="Make a key that follows another, which ends soon.")
@click.argument("name", metavar="ID")
@click.option(
    "--overlap", "overlap_s", metavar="TIME", default="1d", show_default=True, callback=overlap,
    help="How long the old one goes on beside the new one: 0s, 30m, 12h, 7d.",
)  # fmt: skip
@click.option("--expires", metavar="WHEN", help=f"Of the new one: {_WHEN}. Else as the old one's.")
@changing
def rotate(shell: Shell, name: str, overlap_s: int, expires: str | None, why: str | None) -> None:
    """Make a key for the same talent and the same uses. The old one ends after the overlap, or when it would have."""
    from infrafabric.control.records.api_keys import ending, heir_of, key_json, known_key
    from infrafabric.control.records.grants import parse_expires

    reason = shell.why(why)

    async def work(house: House) -> dict[str, Any]:
        old, now, operator = known_key(house, name), house.clock(), house.operator(shell.trace)
        value, text = heir_of(house, old, parse_expires(expires, now) if expires is not None else "")
        left = ending(old, now, overlap_s)
        await house.record(
            operator.api_key(value, reason), operator.api_key(left, reason, "set" if overlap_s else "revoked")
        )
        now = house.clock()
        return {"key": key_json(value, now), "change": "rotated", "text": text, "old": key_json(left, now)}

    shape = operating(shell, work)
    shell.result(shape, lambda console: _shown(console, shape))


@key.add_command
@command("revoke", short_help="End a key at once.")
@click.argument("name", metavar="ID")
@click.option("--heirs", is_flag=True, help="The keys that came of it by rotation too, as where it was stolen.")
@changing
def revoke(shell: Shell, name: str, heirs: bool, why: str | None) -> None:
    """End a key at once: whatever shows it from now on is refused. Keys that came of it by rotation are named."""
    from infrafabric.control.records.api_keys import heirs_of, key_json, known_key

    reason = shell.why(why)

    async def work(house: House) -> dict[str, Any]:
        value, operator = known_key(house, name), house.operator(shell.trace)
        found = heirs_of(house, value)
        ended = [value, *found] if heirs else [value]
        await house.record(*(operator.api_key(key, reason, "revoked") for key in ended))
        now = house.clock()
        rows = [key_json(heir, now) for heir in found]
        told = {"revoked": rows, "followed_by": []} if heirs else {"revoked": [], "followed_by": rows}
        return {"key": key_json(value, now), "change": "revoked", **told}

    shape = operating(shell, work)

    def render(console: Console) -> None:
        for row in (shape["key"], *shape["revoked"]):
            console.print(f"key {row['id']} of {row['talent']} revoked")
        for row in shape["followed_by"]:
            console.print(f"key {row['id']} came of it by rotation and still holds; --heirs ends such keys too")

    shell.result(shape, render)


def _shown(console: Console, shape: dict[str, Any]) -> None:
    row = shape["key"]
    until = f"until {row['expires']}" if row["expires"] else "until it is revoked"
    console.print(f"key {row['id']} of {row['talent']} {shape['change']}, for {', '.join(row['scopes'])}, {until}")
    if "old" in shape:
        console.print(f"the old one, {shape['old']['id']}, ends at {shape['old']['expires']}")
    console.print("Keep it now; it is shown this once:")
    console.print(shape["text"], soft_wrap=True)
