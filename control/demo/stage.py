"""How the demo's story is told: scenes, lines and checks, for people or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.action_view import report_json, show_report
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.kernel.ask import Report
    from infrafabric.kernel.words.manifest import Effect

__all__ = ["Stage"]


@dataclass(slots=True)
class _Scene:
    title: str
    lines: list[str] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    report: dict[str, Any] | None = None


class Stage:
    """Tells scene after scene. What is checked is true of the running system, or the story ends badly."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._console = None if shell.as_json else shell.console()
        self._scenes: list[_Scene] = []

    def scene(self, title: str) -> None:
        self._scenes.append(_Scene(title))
        if self._console is not None:
            self._console.print()
            self._console.rule(f"{len(self._scenes)}. {title}", align="left", characters="─")

    def say(self, text: str) -> None:
        self._scenes[-1].lines.append(text)
        if self._console is not None:
            self._console.print(visible(text, 1_000))

    def show(self, report: Report, effects: Mapping[str, Effect]) -> None:
        """A report, as `ifctl capability apply` shows it."""
        self._scenes[-1].report = report_json(report, effects)
        if self._console is not None:
            show_report(self._console, report, effects, development=True)

    def render(self, draw: Callable[[Console], None]) -> None:
        """Something else that a command shows to people."""
        if self._console is not None:
            draw(self._console)

    def check(self, what: str, holds: bool) -> None:
        """Say that something is so, having looked."""
        from rich.text import Text

        self._scenes[-1].checks.append({"what": what, "holds": holds})
        if self._console is not None:
            mark = ("✓", "bold green") if holds else ("✗", "bold red")
            self._console.print(Text.assemble(mark, f" {visible(what, 1_000)}"))

    def refused(self, what: str, error: FabricError | None, code: Code) -> None:
        """Say that an attack was refused, and for the right reason."""
        got = "it was not refused" if error is None else f"{error.code.value}: {error.message}"
        self.check(f"{what}: {got}", error is not None and error.code is code)

    def end(self) -> bool:
        """Whether everything that was said is so; with --json, the whole story on stdout."""
        holds = all(check["holds"] for scene in self._scenes for check in scene.checks)
        if self._shell.as_json:
            scenes = [
                {"title": it.title, "lines": it.lines, "checks": it.checks, "report": it.report} for it in self._scenes
            ]
            self._shell.json({"holds": holds, "scenes": scenes})
        return holds
