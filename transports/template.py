"""Signed effect templates, compiled once, and the requests built from them. Pure: no I/O, no state.

An operation is `METHOD /path/{name}`. What the template says stands; what an argument says is encoded for its place
(`transports.encoding`) after it was checked against its schema, and can never alter anything but its place. Arguments
are named in messages, their values never shown there.
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
from infrafabric.transports.encoding import Misplaced, header_value, is_dotted, path_piece, query_piece, text_form

__all__ = ["Argument", "Array", "Constant", "Node", "Object", "Request", "Secret", "Template", "show"]

_RESULT = re.compile(r"change-[1-9]\d{0,3}#(/[^\s]{0,200})?")
_LEFT_OUT = object()


@dataclass(frozen=True, slots=True)
class Request:
    """A request but for its base: `target` is path and query in ASCII, header names are lower-case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


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
class _Filling:
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
                raise _argument(self.effect, node.name, str(error)) from None
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
class _Showing(_Filling):
    """Fills places for a reader: secrets masked, results of earlier changes named."""

    later: Mapping[str, str]

    def scalar(self, node: Node, encode: Callable[[object], str]) -> str | None:
        if isinstance(node, Secret):
            return encode(node.prefix) + self.secret(node.name)
        if isinstance(node, Argument) and node.name in self.later:
            return f"<result {self.later[node.name]}>"
        return _Filling.scalar(self, node, encode)


@dataclass(frozen=True, slots=True)
class Template:
    """One effect, ready to be filled in."""

    effect: str
    method: str
    path: tuple[tuple[str | Argument, ...], ...]
    """Segments; in each, constant text and arguments in order."""
    query: tuple[tuple[str, Node], ...]
    headers: tuple[tuple[str, Node], ...]
    body: Node | None
    form: tuple[tuple[str, Node], ...]
    key_header: str | None
    """Where the provider takes an idempotency key."""
    validators: Mapping[str, Validator]
    optional: frozenset[str]

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the secrets that the request carries."""
        nodes = [node for _, node in (*self.query, *self.headers, *self.form)]
        if self.body is not None:
            nodes.append(self.body)
        return frozenset(name for node in nodes for name in _secrets(node))

    def build(self, args: Mapping[str, Any], secrets: Mapping[str, str], provider_key: str | None = None) -> Request:
        """The request. Raises IF_ERR_EFFECT_ARGUMENT naming the argument, IF_ERR_TARGET_SETTINGS naming the secret."""
        self._check(args, {})

        def secret(name: str) -> str:
            if name not in secrets:
                raise FabricError(Code.TARGET_SETTINGS, f"the effect {self.effect} needs the secret {name}")
            return secrets[name]

        filling = _Filling(self.effect, args, secret)
        headers = [
            (name, text) for name, node in self.headers if (text := filling.scalar(node, header_value)) is not None
        ]
        if provider_key is not None:
            if self.key_header is None:
                raise FabricError(Code.EFFECT_ARGUMENT, f"the effect {self.effect} takes no provider key")
            headers.append((self.key_header, header_value(provider_key)))
        return Request(self.method, self._target(filling), tuple(headers), self._body(filling))

    def describe(self, args: Mapping[str, Any]) -> tuple[str, str]:
        """Path with query, and the rest of the request, as a person reads them; secrets masked as `<secret NAME>`.

        Arguments that refer to an earlier change's result (`{"$result": "change-1#/id"}`) are shown as
        `<result change-1#/id>`. Raises IF_ERR_EFFECT_ARGUMENT for what `build` would refuse.
        """
        later = {name: reference for name, value in args.items() if (reference := _result(value)) is not None}
        self._check(args, later)
        trial = _Filling(self.effect, {**args, **dict.fromkeys(later, "x")}, lambda name: "x")
        for _, node in self.headers:
            trial.scalar(node, header_value)
        self._target(trial)
        self._body(trial)

        shown_args = {**args, **{name: f"<result {reference}>" for name, reference in later.items()}}
        shown = _Showing(self.effect, shown_args, lambda name: f"<secret {name}>", later)
        rest = [f"{name}: {text}" for name, node in self.headers if (text := shown.scalar(node, text_form)) is not None]
        if self.body is not None:
            rest.append(json.dumps(shown.json(self.body), ensure_ascii=False, sort_keys=True))
        elif self.form:
            rest.append(_pairs(self.form, shown))
        return show(self._target(shown)), show("  ".join(rest))

    def _check(self, args: Mapping[str, Any], later: Mapping[str, str]) -> None:
        for name in args:
            if name not in self.validators:
                raise _argument(self.effect, name, "is not one that the effect takes")
        for name, validator in self.validators.items():
            if name not in args:
                if name not in self.optional:
                    raise _argument(self.effect, name, "is missing")
            elif name not in later:
                value = args[name]
                if isinstance(value, Mapping) and "$result" in value:
                    raise _argument(self.effect, name, "is an unresolved $result")
                if (problem := misfit(validator, value)) is not None:
                    raise _argument(self.effect, name, f"does not fit its schema ({problem[1]})")

    def _target(self, filling: _Filling) -> str:
        path = "".join("/" + self._segment(parts, filling) for parts in self.path)
        query = _pairs(self.query, filling)
        return f"{path}?{query}" if query else path

    def _segment(self, parts: tuple[str | Argument, ...], filling: _Filling) -> str:
        text = "".join(part if isinstance(part, str) else filling.scalar(part, path_piece) or "" for part in parts)
        if len(parts) > 1 and is_dotted(text):
            name = next(part.name for part in parts if isinstance(part, Argument))
            raise _argument(self.effect, name, "would lead to another path")
        return text

    def _body(self, filling: _Filling) -> bytes:
        if self.body is None:
            return _pairs(self.form, filling).encode("ascii")
        try:
            return dumps(filling.json(self.body))
        except FabricError:
            raise self._not_json(filling) from None

    def _not_json(self, filling: _Filling) -> FabricError:
        for name, value in filling.args.items():
            try:
                dumps([value])
            except FabricError:
                return _argument(self.effect, name, "cannot be written as JSON")
        return FabricError(Code.TARGET_SETTINGS, f"a secret of the effect {self.effect} cannot be written as JSON")


def show(text: str) -> str:
    """`text` on one line: whatever does not print (controls, bidirectional marks, surrogates) as `\\uXXXX`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _secrets(node: Node) -> Iterator[str]:
    if isinstance(node, Secret):
        yield node.name
    elif isinstance(node, Object):
        for _, item in node.members:
            yield from _secrets(item)
    elif isinstance(node, Array):
        for item in node.items:
            yield from _secrets(item)


def _pairs(members: tuple[tuple[str, Node], ...], filling: _Filling) -> str:
    pairs = ((name, filling.scalar(node, query_piece)) for name, node in members)
    return "&".join(f"{name}={text}" for name, text in pairs if text is not None)


def _result(value: object) -> str | None:
    if isinstance(value, Mapping) and set(value) == {"$result"}:
        reference = value["$result"]
        if isinstance(reference, str) and _RESULT.fullmatch(reference):
            return reference
    return None


def _argument(effect: str, name: str, why: str) -> FabricError:
    return FabricError(Code.EFFECT_ARGUMENT, f"the argument {name[:64]!r} of the effect {effect} {why}")
