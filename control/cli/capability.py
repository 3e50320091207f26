"""`ifctl capability`: what can be done, and doing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.acted import acted
from infrafabric.control.cli.claim_options import given_claim, given_evidence
from infrafabric.control.cli.find import find
from infrafabric.control.cli.frame import changing, command, stop, traced
from infrafabric.control.cli.intent_command import (
    A_LOOK,
    IntentCommand,
    asker,
    given_hazards,
    given_intent,
    given_key,
)
from infrafabric.control.cli.opening import acting, look
from infrafabric.control.cli.shell import Shell

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Purpose, Report
    from infrafabric.kernel.replaying import Replayed
    from infrafabric.kernel.stations import Station

__all__ = ["capability"]


def _asks(function: Any) -> Any:
    """The options that every ask takes."""
    for option in reversed(
        [
            click.argument("name", metavar="CAPABILITY"),
            click.option("--on", "target", metavar="TARGET", help="The target, where there is more than one."),
            click.option("--as", "talent", metavar="TALENT", help="Who asks; else the operator."),
            click.option("--set", "settings", metavar="FIELD=VALUE", multiple=True, help="A field: JSON or text."),
            click.option("--intent", "file", metavar="FILE", help="The intent as a JSON file; - reads stdin."),
            click.option("--hazard", "hazards", metavar="NAME", multiple=True, callback=given_hazards,
                         help="A hazard that you know of."),
            click.option("--claim", metavar="@FILE", help="What it rests on, as JSON: confidence and evidence."),
            click.option("--evidence", type=click.Path(path_type=Path), metavar="FILE", multiple=True,
                         help="A file that the claim names by its hash."),
            click.option("--idempotency-key", metavar="KEY", callback=given_key,
                         help="The same key and intent is done once."),
            click.option("--deadline", type=click.FloatRange(0, 86_400, min_open=True), metavar="SECONDS",
                         help="Begin no write after so long, and wait no longer for answers."),
            click.option("--receipt", type=click.Path(path_type=Path), metavar="FILE", help="Write the receipt here."),
            click.option("--trace", is_flag=True, help="Print the trace token, and each station as it is passed."),
        ]
    ):  # fmt: skip
        function = option(function)
    return function


@click.group("capability")
def capability() -> None:
    """List, plan, apply, undo and replay what can be done."""


@capability.add_command
@command("list", short_help="What is installed, and whether it may be used.")
def list_(shell: Shell) -> None:
    """List the installed capabilities, each with whether it is allowed, and if not, why."""
    from infrafabric.control.cli.capability_view import list_json, show_list

    rows = look(shell, lambda house: list_json(house))
    shell.result({"capabilities": rows}, lambda console: show_list(console, rows))


@capability.add_command
@command("show", short_help="A capability's manifest: intent, effects, hazards.")
@click.argument("name", metavar="CAPABILITY")
def show(shell: Shell, name: str) -> None:
    """Show what a capability takes, which requests it may make, and how far it is trusted."""
    from infrafabric.control.cli.capability_view import show_capability, show_json
    from infrafabric.kernel.words.names import capability_id

    found = look(shell, lambda house: show_json(house, capability_id(name)))
    shell.result(found, lambda console: show_capability(console, found))


capability.add_command(find)


@capability.add_command
@click.command("plan", cls=IntentCommand, short_help="What would change. Nothing is written.")
@_asks
@click.option("--why", metavar="TEXT", help="Why; recorded in the log.")
@traced
@click.pass_context
def plan(ctx: click.Context, /, **given: Any) -> None:
    """Plan an intent and show the changes. Nothing is written to the target.

    Name the capability to see its intent fields: ifctl capability plan CAPABILITY --help
    """
    _act(ctx, "plan", **given)


@capability.add_command
@click.command("apply", cls=IntentCommand, short_help="Bring an intent about.")
@_asks
@click.option("--dry-run", is_flag=True, help="Go all the way but write nothing.")
@click.option(
    "--expect",
    metavar="DIGEST",
    default="",
    help="changes_digest of the plan that you looked at; any other is refused.",
)
@click.option(
    "--mode", type=click.Choice(["falsify"]), help="falsify: try to refute the plan first; see docs/falsify.md."
)
@changing
@click.pass_context
def apply(ctx: click.Context, /, dry_run: bool, mode: str | None, **given: Any) -> None:
    """Plan an intent, decide, perform the changes, and look again whether they took.

    Name the capability to see its intent fields: ifctl capability apply CAPABILITY --help
    """
    if dry_run and mode is not None:
        stop("--dry-run and --mode exclude each other: `ifctl falsify` tries plans that wait")
    _act(ctx, "dry_run" if dry_run else "apply", falsify=mode == "falsify", **given)


@capability.add_command
@command("undo", short_help="Take back what an action changed.")
@click.argument("action", metavar="ACTION")
@click.option("--as", "talent", metavar="TALENT", help="Who asks; else the operator.")
@click.option("--idempotency-key", metavar="KEY", callback=given_key, help="The same key and action is done once.")
@click.option("--receipt", type=click.Path(path_type=Path), metavar="FILE", help="Write the receipt here.")
@click.option("--trace", is_flag=True, help="Print the trace token, and each station as it is passed.")
@changing
def undo(
    shell: Shell,
    action: str,
    talent: str | None,
    idempotency_key: str,
    receipt: Path | None,
    trace: bool,
    why: str | None,
) -> None:
    """Take back what an action changed, where the target still is as the action left it."""
    reason = shell.why(why)
    token = shell.trace

    async def work(house: House) -> Report:
        return await house.kernel.undo(
            action,
            asker(house, talent),
            reason,
            trace=token,
            idempotency_key=idempotency_key,
            watcher=_watcher(shell, trace),
        )

    _announce(shell, trace)
    acted(shell, work, receipt)


@capability.add_command
@command("replay", short_help="Run an action's record again and compare.")
@click.argument("action", metavar="ACTION")
def replay(shell: Shell, action: str) -> None:
    """Feed an action's recorded answers to the recorded code; every request and both digests must come out the same.

    Nothing is asked of the target.
    """
    from infrafabric.control.cli.capability_view import replay_json, show_replay

    async def work(house: House) -> Replayed:
        return await house.kernel.replay(action)

    found = acting(shell, work)
    shell.result(replay_json(found), lambda console: show_replay(console, found))


@capability.add_command
@command("close", short_help="Say what became of an action in doubt.")
@click.argument("action", metavar="ACTION")
@click.argument("outcome", type=click.Choice(["done", "undone", "failed"]))
@click.option("--as", "talent", metavar="TALENT", help="Who says so; else the operator.")
@changing
def close(shell: Shell, action: str, outcome: str, talent: str | None, why: str | None) -> None:
    """Close an action that is in doubt, after a look at the target, on a person's word.

    An undo that happened is undone, not done.
    """
    from infrafabric.kernel.words.plan import Outcome

    reason = shell.why(why)

    async def work(house: House) -> str:
        await house.kernel.close(action, Outcome(outcome), asker(house, talent), reason)
        state = house.log.facts.get("state", action)
        assert state is not None
        return str(state["state"])

    closed = acting(shell, work)
    shell.result({"action": action, "outcome": closed}, lambda console: console.print(f"{action} closed as {closed}"))


def _act(
    ctx: click.Context,
    purpose: Purpose,
    *,
    name: str,
    target: str | None,
    talent: str | None,
    settings: tuple[str, ...],
    file: str | None,
    hazards: tuple[str, ...],
    idempotency_key: str,
    receipt: Path | None,
    trace: bool,
    why: str | None,
    claim: str | None,
    evidence: tuple[Path, ...],
    deadline: float | None,
    expect: str = "",
    falsify: bool = False,
) -> None:
    from infrafabric.kernel.ask import Ask
    from infrafabric.kernel.words.names import capability_id

    shell = ctx.find_object(Shell)
    assert shell is not None
    reason = shell.why(why) if purpose == "apply" or why is not None else A_LOOK
    intent = given_intent(ctx, shell, settings, file)
    capability = capability_id(name)
    stated = given_claim(shell, claim)
    shown = given_evidence(shell, stated, evidence)
    _announce(shell, trace)

    async def work(house: House) -> Report:
        ask = Ask(
            capability=capability,
            talent=asker(house, talent),
            intent=intent,
            why=reason,
            purpose=purpose,
            target=target,
            idempotency_key=idempotency_key,
            trace=shell.trace,
            hazards=hazards,
            expect=expect,
            claim=stated,
            evidence=shown,
            falsify=falsify,
            deadline_s=deadline,
        )
        return await house.kernel.act(ask, _watcher(shell, trace))

    acted(shell, work, receipt)


def _announce(shell: Shell, trace: bool) -> None:
    if trace:
        shell.say(f"trace {shell.trace}")


def _watcher(shell: Shell, trace: bool) -> Any:
    def passed(action: str, station: Station) -> None:
        if trace:
            shell.say(f"  {station.value:<9} {action}")

    return passed
