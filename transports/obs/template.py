"""Signed effects as requests of obs-websocket: compiled once, filled in for each call. Pure.

An operation is a request type, such as `SetCurrentProgramScene`; its data is under `json`. A read is a request whose
type begins with `Get`, which is how the protocol names what alters nothing. `GetSourceActive per sourceName` makes one
request for each item of the array argument `sourceName`, all of them in one batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.protocols import Validator

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Effect, is_placeholder
from infrafabric.transports.places import (
    Filling,
    Node,
    Object,
    Showing,
    check_arguments,
    json_fault,
    json_node,
    later_results,
    secrets_in,
    template_fault,
)
from infrafabric.transports.schema import compile_schema

__all__ = ["Batch", "Request", "Template", "compile_template"]

_OPERATION = re.compile(r"([A-Z][A-Za-z0-9]{1,79})(?: per ([a-z][A-Za-z0-9]{0,63}))?")


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `data` is None where it takes none."""

    type: str
    data: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that OBS carries out one after the other, without another's between them."""

    requests: tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """One effect, ready to be filled in."""

    effect: str
    type: str
    per: str | None
    """The array argument with an item for each request."""
    data: Node | None
    validators: Mapping[str, Validator]
    optional: frozenset[str]

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the secrets that the request carries."""
        return frozenset(secrets_in(self.data)) if self.data is not None else frozenset()

    def build(self, args: Mapping[str, Any], secrets: Mapping[str, str]) -> Request | Batch:
        """Raises IF_ERR_EFFECT_ARGUMENT naming the argument, IF_ERR_TARGET_SETTINGS naming the secret."""
        check_arguments(self.effect, self.validators, self.optional, args, {})

        def secret(name: str) -> str:
            if name not in secrets:
                raise FabricError(Code.TARGET_SETTINGS, f"the effect {self.effect} needs the secret {name}")
            return secrets[name]

        data = self._data(Filling(self.effect, args, secret))
        if self.per is None:
            return Request(self.type, data)
        assert data is not None
        return Batch(tuple(Request(self.type, {**data, self.per: item}) for item in data[self.per]))

    def describe(self, args: Mapping[str, Any]) -> str:
        """The request as a person reads it: secrets as `<secret NAME>`, references as `<result change-1#/id>`.

        Raises IF_ERR_EFFECT_ARGUMENT for what `build` would refuse.
        """
        later = later_results(args)
        check_arguments(self.effect, self.validators, self.optional, args, later)
        self._data(Filling(self.effect, {**args, **dict.fromkeys(later, "x")}, lambda name: "x"))
        named = {**args, **{name: f"<result {reference}>" for name, reference in later.items()}}
        each = f" for each {self.per}" if self.per is not None else ""
        if self.data is None:
            return self.type + each
        shown = Showing(self.effect, named, lambda name: f"<secret {name}>", later).json(self.data)
        return f"{self.type}{each}  {json.dumps(shown, ensure_ascii=False, sort_keys=True)}"

    def _data(self, filling: Filling) -> dict[str, Any] | None:
        if self.data is None:
            return None
        filled: dict[str, Any] = filling.json(self.data)
        try:
            dumps(filled)
        except FabricError:
            raise json_fault(self.effect, filling.args) from None
        return filled


def compile_template(name: str, effect: Effect) -> Template:
    """The template of the effect `name`. Raises IF_ERR_MANIFEST_INVALID for what obs-websocket could not carry."""
    match = _OPERATION.fullmatch(effect.operation)
    if match is None:
        raise template_fault(
            name, f"the operation {effect.operation[:80]!r} is not a request type such as GetSceneList"
        )
    kind, per = match.groups()
    if effect.is_read != kind.startswith("Get"):
        raise template_fault(name, f"{kind} is no {'read' if effect.is_read else 'write'}: what reads begins with Get")
    if effect.repeatable and kind.startswith("Toggle"):
        raise template_fault(name, f"{kind} does another thing each time, so it is not repeatable")
    for place in ("path", "query", "headers", "form", "provider_key", "reply", "view"):
        if getattr(effect, place):
            raise template_fault(name, f"the obs driver takes no {place}")
    data = None if effect.body is None else json_node(name, effect.body)
    if data is not None and not isinstance(data, Object):
        raise template_fault(name, "json is an object with the request's fields")
    if per is not None:
        _check_per(name, effect, per)
    validators = {argument: compile_schema(schema, argument) for argument, schema in effect.arguments().items()}
    return Template(name, kind, per, data, validators, frozenset(effect.optional))


def _check_per(name: str, effect: Effect, per: str) -> None:
    if not effect.is_read:
        raise template_fault(name, "a write is one request: each is decided on and recorded by itself")
    schema = effect.body.get(per) if isinstance(effect.body, Mapping) else None
    if not is_placeholder(schema) or not isinstance(schema, Mapping) or schema.get("type") != "array":
        raise template_fault(name, f"{per!r} is not an argument of type array under json")
    if per in effect.optional or not isinstance(schema.get("maxItems"), int):
        raise template_fault(name, f"{per!r} needs maxItems, and cannot be optional")
