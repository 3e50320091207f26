"""`ifctl trust grace`: what is loaded goes on for some days after the trust set has expired."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.opening import operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["grace", "grace_shape"]


@command("grace", short_help="Let what is loaded outlast the expiry, for days.")
@click.option("--until", metavar="TIME", required=True, help="When it ends, such as 2027-12-01T18:00:00Z.")
@changing
def grace(shell: Shell, until: str, why: str | None) -> None:
    """Give time to bring the root keys together: adapters that are loaded go on beyond the trust set's expiry.

    The operator key signs it. Nothing that was not loaded may start, and a newer trust set ends it.
    """
    reason = shell.why(why)
    end = parse_until(until)

    async def work(house: House) -> dict[str, Any]:
        from infrafabric.control.changes import give_grace

        await give_grace(house, end, reason, shell.trace)
        names = {row.digest: f"{row.id.rpartition('/')[2]}@{row.version}" for row in house.registry.list()}
        shape = grace_shape(house)
        assert shape is not None, "a grace was given"
        return {**shape, "covers": [{"bundle": names[digest], "digest": digest} for digest in shape["covers"]]}

    shape = operating(shell, work)

    def render(console: Console) -> None:
        console.print(f"until {shape['until']}, beyond the expiry at {shape['expires']}:", soft_wrap=True)
        for one in shape["covers"]:
            console.print(f"  {visible(one['bundle'])} {one['digest']}", soft_wrap=True)

    shell.result(shape, render)


def grace_shape(house: House) -> dict[str, Any] | None:
    """The grace that counts in the house, for people and programs; None where there is none."""
    given = house.grace
    if given is None:
        return None
    return {
        "version": house.trusted.trust.version, "expires": house.trusted.trust.expires, "until": given.grace.until,
        "ended": house.now() >= given.grace.until_at, "covers": list(given.grace.covers),
        "operators": list(given.operators), "why": given.grace.why, "digest": given.digest,
    }  # fmt: skip


def parse_until(text: str) -> datetime:
    """A moment of RFC 3339, or a day; UTC where it names no zone. Raises IF_ERR_USAGE."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        said = f"--until: {visible(text, 60)!r} is no time; one is 2027-12-01T18:00:00Z"
        raise FabricError(Code.USAGE, said) from None
