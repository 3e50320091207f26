"""Commands on a capability: its intent fields become options once the capability is named."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import FabricCommand, stop
from infrafabric.control.cli.intent_options import IntentOption, gathered, intent_options, set_value
from infrafabric.control.cli.opening import look
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["A_LOOK", "IntentCommand", "asker", "given_hazards", "given_intent", "given_key"]

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


def given_intent(ctx: click.Context, shell: Shell, settings: tuple[str, ...], file: str | None) -> dict[str, Any]:
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


def given_hazards(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
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


def given_key(_: click.Context, __: click.Parameter, given: str | None) -> str:
    """The idempotency key, "" where none is given. Raises IF_ERR_NAME_INVALID."""
    if given is not None and IDEMPOTENCY_KEY.fullmatch(given) is None:
        message = "--idempotency-key takes 1 to 200 printable ASCII characters without spaces"
        raise FabricError(Code.NAME_INVALID, message)
    return given or ""


def asker(house: House, given: str | None) -> str:
    """Who asks: the talent named, else the operator."""
    from infrafabric.control.operator import OPERATOR

    return house.talent_named(given) if given is not None else OPERATOR
