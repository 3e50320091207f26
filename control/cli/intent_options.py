"""Intent fields as command-line options: a capability's JSON Schema, read for a shell.

A field becomes an option when it is a string, enum, number, integer, boolean or an array of such, and when its name
makes an option that neither the command nor another field has. Every other field, and any field at all, is given by
`--set FIELD=VALUE` or in an `--intent` file. Whether the intent fits its schema is the kernel's to say; here a value
is only given its type.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import click

from infrafabric.control.cli.untrusted import visible

__all__ = ["IntentOption", "gathered", "intent_options", "set_value"]

FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}")
SCALARS = frozenset({"string", "integer", "number", "boolean"})
MAX_METAVAR = 60
MAX_CHOICES = 40
"""More choices than this are listed by `capability show`, not in the help."""

_META = "infrafabric.intent"


class IntentOption(click.Option):
    """An option that stands for a field of the intent; its value goes to `gathered`, not to the command."""

    def __init__(self, position: int, field: str, names: Sequence[str], **attributes: Any) -> None:
        """`position` tells the parameter from all others: names that differ in case alone would be one to click."""
        self.field = field
        super().__init__([f"intent_{position}", *names], expose_value=False, callback=_keep, **attributes)


def gathered(ctx: click.Context) -> dict[str, Any]:
    """The fields that were given as options."""
    found: dict[str, Any] = ctx.meta.get(_META, {})
    return dict(found)


def intent_options(schema: Mapping[str, Any], taken: Iterable[str]) -> tuple[list[IntentOption], list[str]]:
    """Options for the fields of `schema`, and the fields that have none. `taken` are the command's own options."""
    fields = schema.get("properties") or {}
    reserved = set(taken)
    spelled = Counter(name for field, rule in fields.items() for name in _spellings(field, rule))
    required = set(schema.get("required") or ())
    options: list[IntentOption] = []
    others: list[str] = []
    for position, (field, rule) in enumerate(fields.items()):
        names = _names(field, reserved)
        if any(spelled[name] > 1 for name in _spellings(field, rule)):
            names = []
        typed = _typed(rule) if isinstance(rule, Mapping) and names else None
        if typed is None:
            others.append(str(field))
            continue
        if typed.get("is_flag"):
            names = [f"{name}/--no-{name[2:]}" for name in names]
        reserved.update(name for both in names for name in both.split("/"))
        choices = typed.get("type")
        words = [_help(rule, field in required)]
        if isinstance(choices, _Enum) and choices.is_long:
            words.append(f"One of: {choices.known()}.")
        options.append(IntentOption(position, str(field), names, help="  ".join(words), **typed))
    return options, others


def set_value(schema: Mapping[str, Any], field: str, text: str) -> Any:
    """What `--set FIELD=TEXT` means: JSON where the field takes it, else the text itself."""
    rule = (schema.get("properties") or {}).get(field)
    types = _types(rule) if isinstance(rule, Mapping) else frozenset()
    try:
        value = _json(text)
    except (ValueError, RecursionError):
        return text
    if types == {"string"} and not isinstance(value, str):
        return text
    return value


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    assert isinstance(parameter, IntentOption)
    assert parameter.name is not None
    if ctx.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE:
        ctx.meta.setdefault(_META, {})[parameter.field] = list(value) if parameter.multiple else value
    return value


def _names(field: object, reserved: set[str]) -> list[str]:
    if not isinstance(field, str) or FIELD.fullmatch(field) is None:
        return []
    names = dict.fromkeys([f"--{field.replace('_', '-')}", f"--{field}"])
    negated = [f"--no-{name[2:]}" for name in names]
    return [] if reserved.intersection([*names, *negated]) else list(names)


def _spellings(field: object, rule: object) -> list[str]:
    """Every option name that the field would have, had it the command to itself."""
    names = _names(field, set())
    typed = _typed(rule) if isinstance(rule, Mapping) else None
    flag = typed is not None and typed.get("is_flag")
    return [*names, *(f"--no-{name[2:]}" for name in names)] if flag else names


def _typed(rule: Mapping[str, Any]) -> dict[str, Any] | None:
    """How click should read the field: its type, and whether it is a flag or repeated. None: not as an option."""
    if "enum" in rule:
        return _choice(rule["enum"])
    types = _types(rule) - {"null"}
    if types == {"boolean"}:
        return {"is_flag": True, "default": None}
    if types == {"array"}:
        items = rule.get("items")
        inner = _typed(items) if isinstance(items, Mapping) else None
        if inner is None or inner.get("is_flag") or inner.get("multiple"):
            return None
        return {**inner, "multiple": True}
    if types and types <= SCALARS:
        return {"type": _Scalar(_types(rule)), "metavar": _metavar(types)}
    return None


def _types(rule: Mapping[str, Any]) -> frozenset[str]:
    found = rule.get("type")
    if found is None and "enum" in rule and all(isinstance(one, str) for one in rule["enum"]):
        return frozenset({"string"})
    return frozenset([found] if isinstance(found, str) else found or ())


def _choice(values: Any) -> dict[str, Any] | None:
    if not isinstance(values, Sequence) or not all(isinstance(one, (str, int, float)) for one in values):
        return None
    return {"type": _Enum(list(values))}


def _metavar(types: frozenset[str]) -> str:
    return "|".join(sorted({"string": "TEXT"}.get(one, one.upper()) for one in types))


def _help(rule: Mapping[str, Any], required: bool) -> str:
    said = [visible(rule[key], 200) for key in ("title", "description") if isinstance(rule.get(key), str)]
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is not None or high is not None:
        said.append(f"({'' if low is None else low}…{'' if high is None else high})")
    if required:
        said.append("[required]")
    return "  ".join(said)


class _Scalar(click.ParamType[Any]):
    """A value of one of the given JSON types: JSON where it is of such a type, else text where text is taken."""

    name = "value"

    def __init__(self, types: frozenset[str]) -> None:
        self._types = types

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = str(value)
        if self._types == {"string"}:
            return text
        try:
            parsed = _json(text)
        except (ValueError, RecursionError):
            parsed = text
        if _json_type(parsed) & self._types:
            return parsed
        if "string" not in self._types:
            self.fail(f"{visible(text, 60)!r} is not {' or '.join(sorted(self._types))}", param, ctx)
        return text


class _Enum(click.ParamType[Any]):
    """One of the values of an `enum`, as it is written in JSON without the quotes."""

    name = "choice"

    def __init__(self, values: list[Any]) -> None:
        self._by_text = {one if isinstance(one, str) else json.dumps(one): one for one in values}

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "CHOICE" if self.is_long else f"[{'|'.join(visible(text, 40) for text in self._by_text)}]"

    @property
    def is_long(self) -> bool:
        return len("|".join(self._by_text)) > MAX_METAVAR

    def known(self) -> str:
        shown = [visible(text, 40) for text in self._by_text]
        return ", ".join(shown[:MAX_CHOICES]) + (", …" if len(shown) > MAX_CHOICES else "")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value) not in self._by_text:
            self.fail(f"{visible(value, 60)!r} is none of: {self.known()}", param, ctx)
        return self._by_text[str(value)]


def _json_type(value: Any) -> set[str]:
    if value is None:
        return {"null"}
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "number"}
    if isinstance(value, float):
        return {"number"}
    return {"string"} if isinstance(value, str) else set()


def _json(text: str) -> Any:
    """Parsed JSON; NaN and Infinity, which Python would take, are text."""
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
