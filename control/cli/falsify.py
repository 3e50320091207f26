"""`ifctl falsify`: try to refute what waits before it is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.attempts_view import attempts_json, show_attempts
from infrafabric.control.cli.frame import command, traced
from infrafabric.control.cli.intent_command import asker
from infrafabric.control.cli.opening import acting
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["falsify"]


@command("falsify", short_help="Try to refute the plans that wait.")
@click.argument("actions", metavar="[ACTION]...", nargs=-1)
@click.option("--task", metavar="TEXT", help="What the plans are for; required, and recorded with the attempts.")
@click.option(
    "--mode", type=click.Choice(["pre-commit"]), default="pre-commit", show_default=True,
    help="Which plans: those that wait for people, before they are applied.",
)  # fmt: skip
@click.option("--as", "talent", metavar="TALENT", help="Who tries; else the operator.")
@traced
def falsify(shell: Shell, actions: tuple[str, ...], task: str | None, mode: str, talent: str | None) -> None:
    """Try to refute all plans that wait for people, or those of the actions that are named. Nothing is written.

    Each attempt is recorded as stood or refuted. A plan that is refuted is refused, and one too whose rules changed
    while it waited; the others go on waiting. The exit status is 1 where one was refused. An intent of your own is
    tried by `ifctl capability apply … --mode=falsify`.
    """
    if task is None or not task.strip():
        raise FabricError(Code.WHY_REQUIRED, "--task is missing", remedy='Say what the plans are for: --task "…".')
    reason = shell.why(task)
    rows = acting(shell, lambda house: _tried(house, actions, asker(house, talent), reason))

    def render(console: Console) -> None:
        if not rows:
            console.print("no plan waits")
        for row in rows:
            console.print(f"{row['action']}: {row['outcome']}", style="bold")
            show_attempts(console, row["attempts"])
            if row.get("error"):
                console.print(visible(f"  {row['error']['code']}: {row['error']['message']}", 1_000), markup=False)

    shell.result({"mode": mode, "plans": rows}, render)
    if any(row["refuted"] for row in rows):
        raise click.exceptions.Exit(1)


async def _tried(house: House, actions: tuple[str, ...], talent: str, why: str) -> list[dict[str, Any]]:
    """What was tried on each plan. One that could not be rebuilt counts as refuted, and goes on waiting."""
    chosen = actions or tuple(action for action, _ in house.log.facts.scan("pending"))
    rows: list[dict[str, Any]] = []
    for action in chosen:
        try:
            report = await house.kernel.falsify(action, talent, why)
        except FabricError as error:
            if actions:
                raise
            rows.append(
                {"action": action, "outcome": "waiting", "attempts": [], "refuted": True, "error": error.as_json()}
            )
            continue
        attempts = attempts_json(report.attempts)
        refuted = report.outcome is not Outcome.WAITING
        row: dict[str, Any] = {
            "action": action,
            "outcome": report.outcome.value,
            "attempts": attempts,
            "refuted": refuted,
        }
        if refuted and report.error is not None:
            row["error"] = report.error.as_json()
        rows.append(row)
    return rows
