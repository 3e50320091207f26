"""The places in a signed template that arguments and secrets fill, and how they are filled. Pure; every driver's.

A template member is a scalar that is sent as it stands, a JSON Schema (the place of the argument named like its key),
`{secret: NAME}`, or literal structure with places deeper down. Arguments are named in messages, their values never
shown there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.protocols import Validator

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.schemas import misfit
from infrafabric.kernel.words.manifest import is_placeholder
from infrafabric.transports.encoding import Misplaced

__all__ = [
    "Argument", "Array", "Constant", "Filling", "Node", "Object", "Secret", "Showing", "argument_fault",
    "check_arguments", "json_fault", "json_node", "later_results", "scalar_node", "secrets_in", "show",
    "template_fault",
]  # fmt: skip

_RESULT = re.compile(r"change-[1-9]\d{0,3}#(/[^\s]{0,200})?")
_LEFT_OUT = object()


@dataclass(frozen=True, slots=True)
class Constant:
    """What the template says itself: a scalar."""

    value: Any


@dataclass(frozen=True, slots=True)
class Argument:
    """A place for the argument of that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A place for the target's secret of that name, after `prefix`."""

    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Object:
    """A literal JSON object that may hold places."""

    members: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Array:
    """A literal JSON array that may hold places."""

    items: tuple[Node, ...]


Node = Constant | Argument | Secret | Object | Array


@dataclass(frozen=True, slots=True)
class Filling:
    """What the places are filled with: arguments already checked, and the secrets."""

    effect: str
    args: Mapping[str, Any]
    secret: Callable[[str], str]

    def scalar(self, node: Node, encode: Callable[[object], str]) -> str | None:
        """The node's text for its place; None for an optional argument that was left out."""
        if isinstance(node, Constant):
            return encode(node.value)
        if isinstance(node, Argument):
            if node.name not in self.args:
                return None
            try:
                return encode(self.args[node.name])
            except Misplaced as error:
                raise argument_fault(self.effect, node.name, str(error)) from None
        assert isinstance(node, Secret)
        try:
            return encode(node.prefix + self.secret(node.name))
        except Misplaced as error:
            raise FabricError(Code.TARGET_SETTINGS, f"the secret {node.name} {error}") from None

    def json(self, node: Node) -> Any:
        if isinstance(node, Object):
            members = ((key, self.json(item)) for key, item in node.members)
            return {key: value for key, value in members if value is not _LEFT_OUT}
        if isinstance(node, Array):
            return [self.json(item) for item in node.items]
        if isinstance(node, Argument):
            return self.args.get(node.name, _LEFT_OUT)
        if isinstance(node, Secret):
            return node.prefix + self.secret(node.name)
        return node.value


@dataclass(frozen=True, slots=True)
class Showing(Filling):
    """Fills places for a reader: secrets masked, results of earlier changes named."""

    later: Mapping[str, str]

    def scalar(self, node: Node, encode: Callable[[object], str]) -> str | None:
        if isinstance(node, Secret):
            return encode(node.prefix) + self.secret(node.name)
        if isinstance(node, Argument) and node.name in self.later:
            return f"<result {self.later[node.name]}>"
        return Filling.scalar(self, node, encode)


def check_arguments(
    effect: str,
    validators: Mapping[str, Validator],
    optional: frozenset[str],
    args: Mapping[str, Any],
    later: Mapping[str, str],
) -> None:
    """Raise IF_ERR_EFFECT_ARGUMENT unless `args` are what the effect takes; those in `later` are not known yet."""
    for name in args:
        if name not in validators:
            raise argument_fault(effect, name, "is not one that the effect takes")
    for name, validator in validators.items():
        if name not in args:
            if name not in optional:
                raise argument_fault(effect, name, "is missing")
        elif name not in later:
            value = args[name]
            if isinstance(value, Mapping) and "$result" in value:
                raise argument_fault(effect, name, "is an unresolved $result")
            if (problem := misfit(validator, value)) is not None:
                raise argument_fault(effect, name, f"does not fit its schema ({problem[1]})")


def later_results(args: Mapping[str, Any]) -> dict[str, str]:
    """The arguments that refer to an earlier change's result, by name: `change-1#/id`."""
    return {name: reference for name, value in args.items() if (reference := _reference(value)) is not None}


def _reference(value: object) -> str | None:
    if isinstance(value, Mapping) and set(value) == {"$result"}:
        reference = value["$result"]
        if isinstance(reference, str) and _RESULT.fullmatch(reference):
            return reference
    return None


def json_fault(effect: str, args: Mapping[str, Any]) -> FabricError:
    """Why a filled JSON literal cannot be written: the argument, else a secret."""
    for name, value in args.items():
        try:
            dumps([value])
        except FabricError:
            return argument_fault(effect, name, "cannot be written as JSON")
    return FabricError(Code.TARGET_SETTINGS, f"a secret of the effect {effect} cannot be written as JSON")


def scalar_node(effect_name: str, key: str, value: object) -> Node:
    """The node of a member that takes scalars only. Raises IF_ERR_MANIFEST_INVALID."""
    if isinstance(value, Mapping):
        if is_placeholder(value):
            return Argument(key)
        if (secret := _secret(effect_name, value)) is not None:
            return secret
        raise template_fault(effect_name, f"the member {key[:60]!r} is neither a scalar, a schema nor a secret")
    if value is None or isinstance(value, (list, tuple)):
        raise template_fault(effect_name, f"the member {key[:60]!r} is not a scalar")
    return Constant(value)


def json_node(effect_name: str, value: object) -> Node:
    """A literal: its members may be places, itself it is none (an array's items have no name to be an argument by)."""
    if isinstance(value, Mapping):
        if (secret := _secret(effect_name, value)) is not None:
            return secret
        return Object(tuple(
            (key, Argument(key) if is_placeholder(item) else json_node(effect_name, item))
            for key, item in value.items()
        ))  # fmt: skip
    if isinstance(value, (list, tuple)):
        return Array(tuple(json_node(effect_name, item) for item in value))
    try:
        dumps([value])
    except FabricError as error:
        raise template_fault(effect_name, error.message) from None
    return Constant(value)


def _secret(effect_name: str, value: Mapping[str, Any]) -> Secret | None:
    if not isinstance(value.get("secret"), str):
        return None
    if not set(value) <= {"secret", "prefix"} or not isinstance(value.get("prefix", ""), str):
        raise template_fault(effect_name, "a secret takes the members secret and prefix, both texts, and no other")
    return Secret(value["secret"], value.get("prefix", ""))


def secrets_in(node: Node) -> Iterator[str]:
    """Names of the secrets that the node carries."""
    if isinstance(node, Secret):
        yield node.name
    elif isinstance(node, Object):
        for _, item in node.members:
            yield from secrets_in(item)
    elif isinstance(node, Array):
        for item in node.items:
            yield from secrets_in(item)


def show(text: str) -> str:
    """`text` on one line: whatever does not print (controls, bidirectional marks, surrogates) as `\\uXXXX`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def argument_fault(effect: str, name: str, why: str) -> FabricError:
    return FabricError(Code.EFFECT_ARGUMENT, f"the argument {name[:64]!r} of the effect {effect} {why}")


def template_fault(effect: str, why: str) -> FabricError:
    return FabricError(Code.MANIFEST_INVALID, f"effect {effect}: {why}")
