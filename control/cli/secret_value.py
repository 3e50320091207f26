"""How a secret's value is given: by a prompt, stdin, a file or a variable.

Never in argv, where every process of the machine and the shell's history would have it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from infrafabric.control.cli.frame import FabricCommand, stop
from infrafabric.control.cli.opening import asked_passphrase
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["SecretCommand", "given_value", "valued"]

MAX_BYTES = 32 << 10

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


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


def valued(function: AnyFunction) -> AnyFunction:
    """Adds --from-file and --from-env."""
    from_env = click.option("--from-env", metavar="VARIABLE", help="Read the value from an environment variable.")
    from_file = click.option(
        "--from-file", type=click.Path(path_type=Path), metavar="FILE", help="Read the value from a file."
    )
    return from_file(from_env(function))


def given_value(shell: Shell, from_file: Path | None, from_env: str | None) -> str:
    """The value, from where the caller said; one line end at its end is dropped.

    Raises IF_ERR_USAGE, IF_ERR_FILE_UNREADABLE, IF_ERR_SECRET_UNKNOWN, IF_ERR_TOO_LARGE, IF_ERR_SECRET_NOT_TEXT.
    """
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
