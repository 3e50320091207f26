"""`ifctl capability`: what can be done, and doing it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.acted import acted
from infrafabric.control.cli.frame import FabricCommand, changing, command, stop, traced
from infrafabric.control.cli.intent_options import IntentOption, gathered, intent_options, set_value
from infrafabric.control.cli.opening import acting, look
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Purpose, Report
    from infrafabric.kernel.replaying import Replayed
    from infrafabric.kernel.stations import Station

__all__ = ["capability"]

MAX_INTENT_FILE = 1 << 20
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,200}")
A_LOOK = "a look at what would change"
"""The reason recorded for plans and dry runs that were given none: they change nothing."""


class IntentCommand(FabricCommand):
    """A command on a capability, whose intent fields are options too, once the capability is named.

    The capability is the first word; an intent field before it is not understood, since which fields there are
    follows from the capability.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = self._named(ctx, args)
        if named is not None:
            capability, home = named
            shell = ctx.find_object(Shell)
            assert shell is not None
            if home is not None:
                shell.home_option = Path(home)
            schema = _schema(shell, capability)
            options, others = intent_options(schema, self._own_options(ctx))
            ctx.meta["infrafabric.schema"] = schema
            ctx.meta["infrafabric.options"] = options
            ctx.meta["infrafabric.others"] = others
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *ctx.meta.get("infrafabric.options", ())]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        fields: list[IntentOption] = ctx.meta.get("infrafabric.options", [])
        rows = [record for option in fields if (record := option.get_help_record(ctx)) is not None]
        others: list[str] = ctx.meta.get("infrafabric.others", [])
        if rows or others:
            with formatter.section("Intent"):
                if rows:
                    formatter.write_dl(rows)
                if others:
                    from infrafabric.control.cli.untrusted import visible

                    formatter.write_text(f"By --set FIELD=VALUE: {', '.join(visible(one, 60) for one in others)}")
        plain = [option for option in super().get_params(ctx) if isinstance(option, click.Option)]
        records = [record for option in plain if (record := option.get_help_record(ctx)) is not None]
        with formatter.section("Options"):
            formatter.write_dl(records)

    def _own_options(self, ctx: click.Context) -> list[str]:
        options = (parameter for parameter in super().get_params(ctx) if isinstance(parameter, click.Option))
        return [name for option in options for name in (*option.opts, *option.secondary_opts)]

    def _named(self, ctx: click.Context, args: list[str]) -> tuple[str, str | None] | None:
        """The first word and the value of --home, read with this command's own options alone."""
        takes_value: dict[str, bool] = {}
        for parameter in super().get_params(ctx):
            if isinstance(parameter, click.Option):
                takes_value.update((name, not parameter.is_flag) for name in parameter.opts)
        word: str | None = None
        home: str | None = None
        rest = iter(args)
        for token in rest:
            name, equals, value = token.partition("=")
            if token.startswith("-") and len(token) > 1:
                known = takes_value.get(name)
                if known is None and word is None and name not in ctx.help_option_names:
                    stop(f"name the capability before its fields: `{ctx.command_path} CAPABILITY {name} …`")
                if known and not equals:
                    value = next(rest, "")
                if name == "--home":
                    home = value
            elif word is None:
                word = token
        return (word, home) if word is not None else None


def _schema(shell: Shell, capability: str) -> Mapping[str, Any]:
    from infrafabric.kernel.words.names import capability_id

    def find(house: House) -> Mapping[str, Any]:
        return house.registry.resolve(capability_id(capability)).manifest.intent

    return look(shell, find)


def _intent(ctx: click.Context, shell: Shell, settings: tuple[str, ...], file: str | None) -> dict[str, Any]:
    """The intent out of --intent, --set and the field options, each field by one of them only."""
    from infrafabric.kernel.canonical import loads

    schema = ctx.meta["infrafabric.schema"]
    intent: dict[str, Any] = {}
    if file is not None:
        piped = file == "-"
        data = sys.stdin.buffer.read(MAX_INTENT_FILE + 1) if piped else shell.read_file(Path(file), MAX_INTENT_FILE)
        loaded = loads(data, limit=MAX_INTENT_FILE)
        if not isinstance(loaded, dict):
            raise FabricError(Code.JSON_INVALID, "the intent is not a JSON object")
        intent.update(loaded)
    for setting in settings:
        field, equals, text_value = setting.partition("=")
        if not equals:
            stop("--set takes FIELD=VALUE")
        if field in intent:
            stop(f"the field {field} is given twice")
        intent[field] = set_value(schema, field, text_value)
    for field, value in gathered(ctx).items():
        if field in intent:
            stop(f"the field {field} is given twice")
        intent[field] = value
    return intent


def _hazards(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """The hazards as a manifest would name them. Raises IF_ERR_NAME_INVALID."""
    if given:
        from pydantic import TypeAdapter, ValidationError

        from infrafabric.kernel.words.manifest import Hazard

        try:
            TypeAdapter(tuple[Hazard, ...]).validate_python(given)
        except ValidationError:
            message = "--hazard takes a name of small letters, digits and -, such as live-output"
            raise FabricError(Code.NAME_INVALID, message) from None
    return given


def _key(_: click.Context, __: click.Parameter, given: str | None) -> str:
    """The idempotency key, "" where none is given. Raises IF_ERR_NAME_INVALID."""
    if given is not None and IDEMPOTENCY_KEY.fullmatch(given) is None:
        message = "--idempotency-key takes 1 to 200 printable ASCII characters without spaces"
        raise FabricError(Code.NAME_INVALID, message)
    return given or ""


def _asks(function: Any) -> Any:
    """The options that every ask takes."""
    for option in reversed(
        [
            click.argument("name", metavar="CAPABILITY"),
            click.option("--on", "target", metavar="TARGET", help="The target, where there is more than one."),
            click.option("--as", "talent", metavar="TALENT", help="Who asks; else the operator."),
            click.option("--set", "settings", metavar="FIELD=VALUE", multiple=True, help="A field: JSON or text."),
            click.option("--intent", "file", metavar="FILE", help="The intent as a JSON file; - reads stdin."),
            click.option("--hazard", "hazards", metavar="NAME", multiple=True, callback=_hazards,
                         help="A hazard that you know of."),
            click.option("--idempotency-key", metavar="KEY", callback=_key,
                         help="The same key and intent is done once."),
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
@changing
@click.pass_context
def apply(ctx: click.Context, /, dry_run: bool, **given: Any) -> None:
    """Plan an intent, decide, perform the changes, and look again whether they took.

    Name the capability to see its intent fields: ifctl capability apply CAPABILITY --help
    """
    _act(ctx, "dry_run" if dry_run else "apply", **given)


@capability.add_command
@command("undo", short_help="Take back what an action changed.")
@click.argument("action", metavar="ACTION")
@click.option("--as", "talent", metavar="TALENT", help="Who asks; else the operator.")
@click.option("--idempotency-key", metavar="KEY", callback=_key, help="The same key and action is done once.")
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
            _talent(house, talent),
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
        await house.kernel.close(action, Outcome(outcome), _talent(house, talent), reason)
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
    expect: str = "",
) -> None:
    from infrafabric.kernel.ask import Ask
    from infrafabric.kernel.words.names import capability_id

    shell = ctx.find_object(Shell)
    assert shell is not None
    reason = shell.why(why) if purpose == "apply" or why is not None else A_LOOK
    intent = _intent(ctx, shell, settings, file)
    capability = capability_id(name)
    _announce(shell, trace)

    async def work(house: House) -> Report:
        ask = Ask(
            capability=capability,
            talent=_talent(house, talent),
            intent=intent,
            why=reason,
            purpose=purpose,
            target=target,
            idempotency_key=idempotency_key,
            trace=shell.trace,
            hazards=hazards,
            expect=expect,
        )
        return await house.kernel.act(ask, _watcher(shell, trace))

    acted(shell, work, receipt)


def _talent(house: House, given: str | None) -> str:
    from infrafabric.control.operator import OPERATOR

    return house.talent_named(given) if given is not None else OPERATOR


def _announce(shell: Shell, trace: bool) -> None:
    if trace:
        shell.say(f"trace {shell.trace}")


def _watcher(shell: Shell, trace: bool) -> Any:
    def passed(action: str, station: Station) -> None:
        if trace:
            shell.say(f"  {station.value:<9} {action}")

    return passed
