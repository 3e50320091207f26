"""Opening the home that a command is about, for as much as the command needs."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from infrafabric.control.cli.frame import await_
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House, Mode

__all__ = ["acting", "alone", "asked_passphrase", "look", "operating", "reading", "refresh_kernel"]

T = TypeVar("T")
Work = Callable[["House"], Awaitable[T]]


def look(shell: Shell, at: Callable[[House], T]) -> T:
    """What `at` finds in the home as it stands."""

    async def work(house: House) -> T:
        return at(house)

    return reading(shell, work)


def reading(shell: Shell, work: Work[T]) -> T:
    """Run `work` on the home as it stands: no lock, no key, the log read-only."""
    return _with_house(shell, "reading", work)


def operating(shell: Shell, work: Work[T]) -> T:
    """Run `work` with the home locked and its log writable, or by the kernel that has: for what operators change."""
    return _with_house(shell, "operating", work)


def alone(shell: Shell, work: Work[T]) -> T:
    """The same for what needs the home to itself: refused where a kernel serves it."""
    return _with_house(shell, "alone", work)


def acting(shell: Shell, work: Work[T]) -> T:
    """Run `work` with a kernel that is ready to act."""
    return _with_house(shell, "acting", work)


def refresh_kernel(shell: Shell) -> None:
    """Let a kernel that serves the home look at its folders again; where none does, there is nothing to do."""
    from infrafabric.control.local.place import is_served

    home = shell.home()
    if not is_served(home.root):
        return
    from infrafabric.control.local.calls import Refresh
    from infrafabric.control.local.line import Line

    try:
        await_(lambda: Line(home.root).call(Refresh()))
    except FabricError as error:
        shell.warn(f"the kernel that runs has not been told: {error}")


def asked_passphrase(shell: Shell, question: str, *, confirm: bool = False) -> Callable[[], str] | None:
    """A question on the terminal; None where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask() -> str:
        import click

        answer = click.prompt(question, hide_input=True, err=True, confirmation_prompt=confirm)
        return str(answer)

    return ask


def _with_house(shell: Shell, mode: Mode, work: Work[T]) -> T:
    from infrafabric.control.house import open_house
    from infrafabric.keys.passphrase import Passphrase

    home = shell.home()
    passphrase = Passphrase(file=shell.passphrase_file, prompt=asked_passphrase(shell, f"passphrase of {home.root}"))

    async def run() -> T:
        async with open_house(home, mode, passphrase=passphrase, tell=shell.progress) as house:
            shell.redact = house.redactor.redact
            if home.is_development and mode != "reading" and not shell.as_json:
                shell.say("development home: its keys lie unprotected")
            for warning in house.warnings:
                shell.warn(warning)
            return await work(house)

    return await_(run)
