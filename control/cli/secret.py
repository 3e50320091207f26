"""`ifctl secret`: secrets in the vault, their rotation, and which targets may use them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.lengths import overlap
from infrafabric.control.cli.opening import operating
from infrafabric.control.cli.secret_value import SecretCommand, given_value, valued
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["secret"]


@click.group("secret")
def secret() -> None:
    """Secrets in the vault: their values, rotation, and the targets that may use them."""


_for = click.option(
    "--for", "targets", metavar="TARGET", multiple=True, help="A target that may use it; may be given several times."
)
_tenant = click.option("--tenant", metavar="TENANT", default="", help="Only targets of this tenant may use it.")


@secret.add_command
@click.command("set", cls=SecretCommand, short_help="Keep a secret.")
@click.argument("name", metavar="NAME")
@valued
@_for
@_tenant
@changing
@click.pass_obj
def set_(
    shell: Shell, name: str, from_file: Path | None, from_env: str | None, targets: tuple[str, ...], tenant: str,
    why: str | None,
) -> None:  # fmt: skip
    """Keep a secret under NAME; targets refer to it as vault:NAME.

    The value is asked for on a terminal, else read from stdin; one line end at its end is dropped. Without --for and
    --tenant a new secret may be used for every target that an operator lets refer to it, and an earlier one of that
    name by those that could before. Its former values end at once: `secret rotate` keeps them for a while.
    """
    from infrafabric.control.records.kept_secrets import check_name, use_of

    reason = shell.why(why)
    check_name(name)
    use = use_of(targets, tenant) if targets or tenant else None
    value = given_value(shell, from_file, from_env)
    extra: dict[str, Any] = {} if use is None else {"targets": use.targets, "of_tenant": use.tenant}

    def alter(house: House) -> None:
        house.vault.set(name, value, use)

    _change(shell, name, "set", reason, alter, value=value, **extra)


@secret.add_command
@click.command("rotate", cls=SecretCommand, short_help="Use a new value; keep the former one for a while.")
@click.argument("name", metavar="NAME")
@valued
@click.option(
    "--overlap", default="1h", show_default=True, metavar="TIME", callback=overlap,
    help="How long the former value stays known, up to 90d; 0s ends it at once.",
)  # fmt: skip
@click.option("--back", is_flag=True, help="Use the former value again, while its overlap runs.")
@changing
@click.pass_obj
def rotate(
    shell: Shell, name: str, from_file: Path | None, from_env: str | None, overlap: int, back: bool, why: str | None
) -> None:
    """Use a new value under NAME from now on.

    While the overlap runs the former value stays in the vault and is masked like the new one; a target that does not
    know the new one yet may refer to it as vault:NAME@former, and --back puts it in the new one's place. Nothing tries
    it by itself: a refused secret tried again and again locks accounts. After that it is destroyed when the home is
    next opened to change or act.
    """
    from infrafabric.control.records.kept_secrets import check_name, rotating

    reason = shell.why(why)
    check_name(name)
    if back:
        if from_file is not None or from_env is not None:
            stop("--back takes no new value")
        _change(shell, name, "returned", reason, lambda house: house.vault.take_back(name), former=True)
        return
    value = given_value(shell, from_file, from_env)
    alter, until = rotating(name, value, overlap)
    _change(shell, name, "rotated", reason, alter, value=value, known=True, until=until)


@secret.add_command
@command("allow", short_help="Say which targets may use a secret.")
@click.argument("name", metavar="NAME")
@_for
@_tenant
@click.option("--any", "anything", is_flag=True, help="Every target that an operator lets refer to it.")
@changing
def allow(shell: Shell, name: str, targets: tuple[str, ...], tenant: str, anything: bool, why: str | None) -> None:
    """Say which targets may use NAME; others that refer to it are refused from then on."""
    from infrafabric.control.records.kept_secrets import check_name, use_of

    reason = shell.why(why)
    check_name(name)
    if anything == bool(targets or tenant):
        stop("name targets with --for, or a --tenant, or else say --any")
    use = use_of(targets, tenant)

    def alter(house: House) -> None:
        house.vault.allow(name, use)

    _change(shell, name, "allowed", reason, alter, known=True, targets=use.targets, of_tenant=use.tenant)


@secret.add_command
@command("list", short_help="The secrets, by name.")
def list_(shell: Shell) -> None:
    """List the secrets: who may use them, who refers to them, until when former values are known.

    No command shows a value.
    """

    from infrafabric.control.records.kept_secrets import known_secrets

    async def work(house: House) -> dict[str, dict[str, Any]]:
        return known_secrets(house)

    rows = operating(shell, work)

    def render(console: Console) -> None:
        if not rows:
            console.print("no secrets yet; `ifctl secret set` keeps one")
            return
        from rich.table import Table

        table = Table("secret", "may be used for", "referred to by", "former value until")
        for name, row in rows.items():
            cells = (name, _users(row), ", ".join(row["referred_by"]) or "-", ", ".join(row["former_until"]) or "-")
            table.add_row(*(visible(cell) for cell in cells))
        console.print(table)

    shell.result({"secrets": list(rows), "kept": rows}, render)


@secret.add_command
@command("remove", short_help="Forget a secret.")
@click.argument("name", metavar="NAME")
@changing
def remove(shell: Shell, name: str, why: str | None) -> None:
    """Forget a secret and its former values. What refers to it is refused from then on."""
    from infrafabric.control.records.kept_secrets import check_name

    reason = shell.why(why)
    check_name(name)
    _change(shell, name, "removed", reason, lambda house: house.vault.remove(name), known=True)


def _change(
    shell: Shell, name: str, change: str, reason: str, alter: Callable[[House], None], *, value: str | None = None,
    known: bool = False, former: bool = False, **said: Any,
) -> None:  # fmt: skip
    """See `kept_secrets.change_secret`."""
    from infrafabric.control.records.kept_secrets import change_secret, doubts

    async def work(house: House) -> dict[str, Any]:
        shape = await change_secret(
            house, name, change, reason, alter, trace=shell.trace, value=value, known=known, former=former, **said
        )
        for doubt in doubts(house, name) if change in ("set", "allowed") else ():
            shell.warn(doubt)
        return shape

    shape = operating(shell, work)
    until = f"; the former value is known until {said['until']}" if "until" in said else ""
    shell.result(shape, lambda console: console.print(f"secret {visible(name)} {change}{until}"))


def _users(row: dict[str, Any]) -> str:
    said = ", ".join(row["targets"]) or "every target"
    return f"{said} of tenant {row['tenant']}" if row["tenant"] else said
