"""The attempts to refute a plan, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.kernel.words.attempts import Attempted

__all__ = ["attempts_json", "show_attempts"]


def attempts_json(attempts: tuple[Attempted, ...]) -> list[dict[str, Any]]:
    return [one.as_json() for one in attempts]


def show_attempts(console: Console, attempts: list[dict[str, Any]]) -> None:
    """Each attempt in a line: stood or refuted, its name, and what it found."""
    from rich.text import Text

    plain = console.options.ascii_only
    for one in attempts:
        stood = one["result"] == "stood"
        sign = ("+" if stood else "x") if plain else ("✓" if stood else "✗")
        line = Text.assemble((f"  {sign} {one['result']:<8}", "green" if stood else "red"), f"{one['name']:<16} ")
        console.print(line.append(visible(str(one["said"]), 500)))
