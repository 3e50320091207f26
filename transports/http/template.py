"""Signed effect templates, compiled once, and the requests built from them. Pure: no I/O, no state.

An operation is `METHOD /path/{name}`. What the template says stands; what an argument says is encoded for its place
(`transports.encoding`) after it was checked against its schema, and can never alter anything but its place. Arguments
are named in messages, their values never shown there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.protocols import Validator

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.encoding import header_value, is_dotted, path_piece, query_piece, text_form
from infrafabric.transports.places import (
    Argument,
    Filling,
    Node,
    Showing,
    argument_fault,
    check_arguments,
    json_fault,
    later_results,
    secrets_in,
    show,
)

__all__ = ["Request", "Template"]


@dataclass(frozen=True, slots=True)
class Request:
    """A request but for its base: `target` is path and query in ASCII, header names are lower-case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


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
        return frozenset(name for node in nodes for name in secrets_in(node))

    def build(self, args: Mapping[str, Any], secrets: Mapping[str, str], provider_key: str | None = None) -> Request:
        """The request. Raises IF_ERR_EFFECT_ARGUMENT naming the argument, IF_ERR_TARGET_SETTINGS naming the secret."""
        check_arguments(self.effect, self.validators, self.optional, args, {})

        def secret(name: str) -> str:
            if name not in secrets:
                raise FabricError(Code.TARGET_SETTINGS, f"the effect {self.effect} needs the secret {name}")
            return secrets[name]

        filling = Filling(self.effect, args, secret)
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
        later = later_results(args)
        check_arguments(self.effect, self.validators, self.optional, args, later)
        trial = Filling(self.effect, {**args, **dict.fromkeys(later, "x")}, lambda name: "x")
        for _, node in self.headers:
            trial.scalar(node, header_value)
        self._target(trial)
        self._body(trial)

        shown_args = {**args, **{name: f"<result {reference}>" for name, reference in later.items()}}
        shown = Showing(self.effect, shown_args, lambda name: f"<secret {name}>", later)
        rest = [f"{name}: {text}" for name, node in self.headers if (text := shown.scalar(node, text_form)) is not None]
        if self.body is not None:
            rest.append(json.dumps(shown.json(self.body), ensure_ascii=False, sort_keys=True))
        elif self.form:
            rest.append(_pairs(self.form, shown))
        return show(self._target(shown)), show("  ".join(rest))

    def _target(self, filling: Filling) -> str:
        path = "".join("/" + self._segment(parts, filling) for parts in self.path)
        query = _pairs(self.query, filling)
        return f"{path}?{query}" if query else path

    def _segment(self, parts: tuple[str | Argument, ...], filling: Filling) -> str:
        text = "".join(part if isinstance(part, str) else filling.scalar(part, path_piece) or "" for part in parts)
        if len(parts) > 1 and is_dotted(text):
            name = next(part.name for part in parts if isinstance(part, Argument))
            raise argument_fault(self.effect, name, "would lead to another path")
        return text

    def _body(self, filling: Filling) -> bytes:
        if self.body is None:
            return _pairs(self.form, filling).encode("ascii")
        try:
            return dumps(filling.json(self.body))
        except FabricError:
            raise json_fault(self.effect, filling.args) from None


def _pairs(members: tuple[tuple[str, Node], ...], filling: Filling) -> str:
    pairs = ((name, filling.scalar(node, query_piece)) for name, node in members)
    return "&".join(f"{name}={text}" for name, text in pairs if text is not None)
