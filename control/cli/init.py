"""`ifctl init`: make a home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import await_, command, stop
from infrafabric.control.cli.opening import asked_passphrase
from infrafabric.control.cli.shell import Shell

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["init"]


@command("init")
@click.option(
    "--development", is_flag=True, help="A home to try things in: keys unprotected and online, receipts marked."
)
@click.option(
    "--origin", metavar="NAME", help="Name of the log, a schema-less URL of yours such as example.org/studio."
)
@click.option(
    "--export-root",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the root key goes; required unless --development.",
)
def init(shell: Shell, development: bool, origin: str | None, export_root: Path | None) -> None:
    """Make a home: keys, trust set, vault, log, and you as if://person/operator.

    A production home asks for a passphrase and exports its root key, which is then no longer in the home: keep the
    file apart, it alone can say what may be loaded.
    """
    from infrafabric.control.making import make_home
    from infrafabric.keys.passphrase import Passphrase

    if not development and export_root is None:
        stop("a production home needs --export-root FILE; --development makes one to try things in")
    if export_root is not None:
        shell.check_new(export_root)
    ask = asked_passphrase(shell, "passphrase for the new keys", confirm=True)
    passphrase = Passphrase(file=shell.passphrase_file, prompt=ask)
    made = await_(
        lambda: make_home(
            shell.root,
            "development" if development else "production",
            origin=origin,
            passphrase=passphrase,
            export_root=export_root,
            trace=shell.trace,
            tell=shell.progress,
        )
    )
    shape: dict[str, Any] = {
        "home": str(made.root),
        "kind": made.kind,
        "origin": made.origin,
        "vkey": made.vkey,
        "keys": dict(made.keys),
        "root_key": str(export_root) if export_root is not None else None,
    }

    def render(console: Console) -> None:
        console.print(f"made a {made.kind} home in {made.root}", soft_wrap=True)
        for name, key in made.keys.items():
            console.print(f"  {name:<15} {key}", soft_wrap=True)
        console.print(f"  vkey            {made.vkey}", soft_wrap=True)
        if development:
            console.print("This is a DEVELOPMENT home: its keys lie unprotected, and its receipts say so.")
        else:
            console.print(
                f"The root key is in {export_root} and nowhere else: keep it apart, with a copy.", soft_wrap=True
            )
        console.print("Next:")
        for step in _next(development):
            console.print(f"  {step}", soft_wrap=True)

    shell.result(shape, render)


def _next(development: bool) -> list[str]:
    root = "" if development else " --root-key FILE"
    return [
        f"ifctl trust publisher NAME --key BASE64 --pattern 'vmix.*' --why \"…\"{root}",
        f'ifctl adapter install BUNDLE; ifctl trust allow vmix.switcher@1.2.0 --why "…"{root}',
        'ifctl target add vmix@studio-a VMIX_HOST=… VMIX_PORT=8088 --why "…"',
        'ifctl talent grant --name operator --capability vmix.switcher --why "…"',
        'ifctl capability apply vmix.switcher --scene "Intro" --why "…"',
    ]
