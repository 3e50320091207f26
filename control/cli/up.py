"""`ifctl up`: a kernel that stays, with its API and console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import await_, command, stop
from infrafabric.control.cli.opening import asked_passphrase
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.home import Home
    from infrafabric.control.house import House
    from infrafabric.control.serving.up import Up

__all__ = ["up"]


@command("up", short_help="Serve the API and the console; stay until told to stop.")
@click.option("--host", metavar="ADDRESS", help="Where to listen, instead of `[serve] host`.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Instead of `[serve] port`; 0 takes a free one.")
@click.option("--systemd", is_flag=True, help="Print a systemd unit that does this, and end.")
def up(shell: Shell, host: str | None, port: int | None, systemd: bool) -> None:
    """Open the home and serve it: HTTP API, console, and ifctl itself, which asks this kernel from then on.

    Where there is no home yet, a development home is made. Ctrl-C or SIGTERM ends it: requests and writes in hand are
    finished first. It listens on 127.0.0.1; anything else needs TLS.
    """
    from infrafabric.keys.passphrase import Passphrase

    if systemd:
        if host is not None or port is not None:
            stop("--systemd goes by the settings: set `[serve] host` and `port` in infrafabric.toml")
        _print_unit(shell)
        return
    home, made = _home(shell)
    shell.one_line = True
    passphrase = Passphrase(file=shell.passphrase_file, prompt=asked_passphrase(shell, f"passphrase of {home.root}"))

    def opened(house: House) -> None:
        shell.redact = house.redactor.redact
        for warning in house.warnings:
            shell.warn(warning)

    def told(found: Up) -> None:
        shape = {**found.as_json(), "made": made}
        shell.result(shape, lambda console: _show(console, found, made=made))

    async def serving() -> None:
        from infrafabric.control.serving.up import serve

        await serve(
            home, passphrase, host=host, port=port, tell=shell.say, progress=shell.progress, opened=opened, up=told
        )

    await_(serving)


def _home(shell: Shell) -> tuple[Home, bool]:
    """The home, and whether it was made just now."""
    from infrafabric.control.making import make_home
    from infrafabric.keys.passphrase import Passphrase

    try:
        return shell.home(), False
    except FabricError as error:
        if error.code is not Code.HOME_MISSING:
            raise
    await_(
        lambda: make_home(
            shell.root, "development", origin=None, passphrase=Passphrase(environ={}), export_root=None,
            trace=shell.trace, tell=shell.progress,
        )
    )  # fmt: skip
    return shell.home(), True


def _show(console: Console, found: Up, *, made: bool) -> None:
    rows: dict[str, Any] = {
        "home": f"{found.home} ({found.kind}{', made just now' if made else ''})",
        "log": found.vkey,
        "API": f"{found.url}/v1",
        "console": found.console,
    }
    for name, value in rows.items():
        console.print(f"{name:<8} {value}", soft_wrap=True)
    if found.kind == "development":
        console.print("This is a DEVELOPMENT home: its keys lie unprotected, and its receipts say so.")
    beside = "other ifctl commands ask this kernel; " if found.local else ""
    console.print(f"{beside}Ctrl-C ends it, writes in hand first")


def _print_unit(shell: Shell) -> None:
    from infrafabric.control.serving.unit import unit

    text = unit(shell.home())
    if shell.as_json:
        shell.json({"unit": text})
        return
    from infrafabric.control.cli.streams import writing_stdout

    with writing_stdout():
        click.echo(text, nl=False)
