"""`ifctl secret`: secrets in the vault. A value comes from a prompt, stdin, a file or a variable: never from argv,
where every process of the machine and the shell's history would have it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from infrafabric.control.cli.frame import FabricCommand, changing, command, stop
from infrafabric.control.cli.opening import asked_passphrase, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["secret"]

MAX_BYTES = 32 << 10


class SecretCommand(FabricCommand):
    """Refuses a value on the command line without repeating it: usage errors are printed and logged by shells."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return FabricCommand.parse_args(self, ctx, args)
        except click.exceptions.NoSuchOption as error:
            stop(f"no such option: {visible(error.option_name.partition('=')[0], 40)}")
        except click.UsageError as error:
            if "unexpected extra argument" in error.format_message().lower():
                stop("a secret is never given as an argument: use a prompt, stdin, --from-file or --from-env")
            raise


@click.group("secret")
def secret() -> None:
    """Secrets in the vault, by name."""


@secret.add_command
@click.command("set", cls=SecretCommand, short_help="Keep a secret.")
@click.argument("name", metavar="NAME")
@click.option("--from-file", type=click.Path(path_type=Path), metavar="FILE", help="Read the value from a file.")
@click.option("--from-env", metavar="VARIABLE", help="Read the value from an environment variable.")
@changing
@click.pass_obj
def set_(shell: Shell, name: str, from_file: Path | None, from_env: str | None, why: str | None) -> None:
    """Keep a secret under NAME; targets refer to it as vault:NAME.

    The value is asked for on a terminal, else read from stdin; one line end at its end is dropped.
    """
    reason = shell.why(why)
    if "=" in name:
        raise FabricError(Code.NAME_INVALID, "a secret's name holds no `=`; its value is never given as an argument")
    value = _value(shell, from_file, from_env)
    _change(shell, name, "set", reason, value)


@secret.add_command
@command("list", short_help="The names of the secrets.")
def list_(shell: Shell) -> None:
    """List the names of the secrets. No command shows a value."""

    async def work(house: House) -> list[str]:
        return house.vault.names()

    names = operating(shell, work)

    def render(console: Console) -> None:
        for name in names:
            console.print(visible(name))
        if not names:
            console.print("no secrets yet; `ifctl secret set` keeps one")

    shell.result({"secrets": names}, render)


@secret.add_command
@command("remove", short_help="Forget a secret.")
@click.argument("name", metavar="NAME")
@changing
def remove(shell: Shell, name: str, why: str | None) -> None:
    """Forget a secret. What refers to it is refused from then on."""
    _change(shell, name, "removed", shell.why(why), None)


def _value(shell: Shell, from_file: Path | None, from_env: str | None) -> str:
    if from_file is not None and from_env is not None:
        stop("--from-file or --from-env, not both")
    if from_file is not None:
        data = shell.read_file(from_file, MAX_BYTES)
    elif from_env is not None:
        if from_env not in os.environ:
            raise FabricError(Code.SECRET_UNKNOWN, f"the environment has no variable {visible(from_env, 80)}")
        return os.environ[from_env]
    else:
        ask = asked_passphrase(shell, "value", confirm=True)
        if ask is not None:
            return ask()
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise FabricError(Code.TOO_LARGE, f"the secret is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise FabricError(Code.SECRET_NOT_TEXT, "the secret is not text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _change(shell: Shell, name: str, change: Literal["set", "removed"], reason: str, value: str | None) -> None:
    """Record the change, then make it: a secret that the log knows nothing of must not exist."""
    from infrafabric.control.operator import OPERATOR
    from infrafabric.kernel.ports import Entry
    from infrafabric.kernel.words.entries import Kind, SecretChanged
    from infrafabric.keys.redaction import check_secret
    from infrafabric.keys.vault import NAME

    if NAME.fullmatch(name) is None:
        raise FabricError(Code.NAME_INVALID, f"{visible(name, 80)!r} is no secret's name; one looks like HA_TOKEN")

    async def work(house: House) -> None:
        body = SecretChanged(talent=OPERATOR, trace=shell.trace, name=name, change=change, why=reason)
        if value is None:
            house.vault.get(name)
        else:
            check_secret(value)
            house.redactor.learn(value)
            if house.redactor.found(f"{reason}\n{name}"):
                raise FabricError(Code.ARGUMENT_SECRET, "--why or the name holds the secret's value")
        await house.record(Entry(Kind.SECRET_CHANGED, body, actor=OPERATOR))
        if value is None:
            house.vault.remove(name)
        else:
            house.vault.set(name, value)

    operating(shell, work)
    shape: dict[str, Any] = {"secret": name, "change": change}
    shell.result(shape, lambda console: console.print(f"secret {visible(name)} {change}"))
