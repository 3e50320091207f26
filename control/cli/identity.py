"""`ifctl identity`: whom the subjects of OpenID providers are here."""

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

__all__ = ["identity"]

_ISSUER = click.option("--issuer", metavar="URL", required=True, help="The provider, as its tokens' `iss` has it.")
_SUBJECT = click.option("--subject", metavar="TEXT", required=True, help="Whom it means, as its tokens' `sub` has it.")


@click.group("identity")
def identity() -> None:
    """Whom the subjects of OpenID providers are here."""


@identity.add_command
@command("add", short_help="Say which talent a subject is.")
@_ISSUER
@_SUBJECT
@click.option("--for", "talent", metavar="TALENT", required=True, help="Who it is here.")
@changing
def add(shell: Shell, issuer: str, subject: str, talent: str, why: str | None) -> None:
    """Say which talent a provider's subject is. Its bearer tokens are that talent's from then on.

    ifctl identity add --issuer https://id.example.org --subject 248289761001 --for Ada --why "she is on call"

    The provider itself is named in the settings: `[[serve.oidc]]`.
    """
    from infrafabric.control.records.identities import check_free, identity_of, row_of

    reason = shell.why(why)

    async def work(house: House) -> dict[str, Any]:
        value = identity_of(issuer, subject, house.authority.talent(house.talent_named(talent)))
        check_free(house, value)
        await house.record(house.operator(shell.trace).identity(value, reason))
        return {"identity": row_of(house, value), "change": "set"}

    _done(shell, operating(shell, work))


@identity.add_command
@command("list", short_help="Which subjects are talents here.")
@click.option("--tenant", metavar="TENANT", help="Only those of this tenant.")
def list_(shell: Shell, tenant: str | None) -> None:
    """List the subjects that are talents here. Those whose provider the settings do not name are marked."""
    from infrafabric.control.records.identities import identities_json

    rows = look(shell, lambda house: identities_json(house, lambda it: tenant in (None, it.tenant)))

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table("issuer", "subject", "talent", "tokens")
        for row in rows:
            taken = "taken" if row["taken"] else "not taken: no [[serve.oidc]] names the issuer"
            table.add_row(*map(Text, (visible(row["issuer"]), visible(row["subject"]), row["talent"], taken)))
        console.print(table if rows else "no identities yet; `ifctl identity add` makes one")

    shell.result({"identities": rows}, render)


@identity.add_command
@command("revoke", short_help="From now on the subject is nobody here.")
@_ISSUER
@_SUBJECT
@changing
def revoke(shell: Shell, issuer: str, subject: str, why: str | None) -> None:
    """End what `identity add` said: the subject's tokens are refused from then on."""
    from infrafabric.control.records.identities import known_identity, row_of

    reason = shell.why(why)

    async def work(house: House) -> dict[str, Any]:
        value = known_identity(house, issuer, subject)
        await house.record(house.operator(shell.trace).identity(value, reason, "revoked"))
        return {"identity": row_of(house, value), "change": "revoked"}

    _done(shell, operating(shell, work))


def _done(shell: Shell, shape: dict[str, Any]) -> None:
    row, ended = shape["identity"], shape["change"] == "revoked"
    said = f"{visible(row['subject'])} of {visible(row['issuer'])} is {'nobody' if ended else row['talent']} here"
    more = "" if row["taken"] or ended else "; its tokens are taken once the settings name the issuer: [[serve.oidc]]"
    shell.result(shape, lambda console: console.print(said + more, soft_wrap=True))
