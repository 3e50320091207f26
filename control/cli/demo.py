"""`ifctl demo`: the whole story, in a throwaway home against a simulator."""

from __future__ import annotations

import click

from infrafabric.control.cli.frame import await_, command
from infrafabric.control.cli.shell import Shell

__all__ = ["demo"]


@command("demo")
def demo(shell: Shell) -> None:
    """Tell the whole story: a signed adapter plans, applies and undoes a change; the attacks on it are refused.

    It runs in a throwaway development home, against a vMix simulator on loopback, and leaves nothing behind.
    """
    from infrafabric.control.demo.story import tell_story

    if not await_(lambda: tell_story(shell)):
        raise click.exceptions.Exit(1)
