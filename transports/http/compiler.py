"""From signed effects to templates, once a manifest: whatever HTTP could not carry is refused here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from infrafabric.kernel.words.manifest import Effect, is_placeholder
from infrafabric.transports.encoding import Misplaced, header_value, is_dotted, query_piece
from infrafabric.transports.http.template import Template
from infrafabric.transports.places import Argument, Constant, Node, json_node, scalar_node, template_fault
from infrafabric.transports.schema import compile_schema

__all__ = ["compile_template", "header_name"]

_OPERATION = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) (/[^\s?#\\]*)")
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})\}")
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")
_OWN_HEADERS = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
    "accept-encoding", "proxy-authorization", "proxy-connection", "user-agent",
})  # fmt: skip
"""What the driver alone says: framing, the connection, where it goes."""


def compile_template(name: str, effect: Effect) -> Template:
    """The template of the effect `name`. Raises IF_ERR_MANIFEST_INVALID for what HTTP could not carry."""
    match = _OPERATION.fullmatch(effect.operation)
    if match is None:
        raise template_fault(
            name, f"the operation {effect.operation[:80]!r} is not `METHOD /path` (the query goes under query)"
        )
    method, path = match.groups()
    if method in ("GET", "HEAD") and (effect.body is not None or effect.form):
        raise template_fault(name, f"{method} takes no body")
    segments = _path(name, path, effect)
    headers = _headers(name, effect)
    if set(effect.optional) & set(effect.path):
        raise template_fault(name, "an argument in the path cannot be optional")
    key_header = None
    if effect.provider_key is not None:
        key_header = header_name(name, effect.provider_key.header)
        if key_header in dict(headers):
            raise template_fault(name, f"the header {key_header} is set twice")
    body = None if effect.body is None else json_node(name, effect.body)
    validators = {argument: compile_schema(schema, argument) for argument, schema in effect.arguments().items()}
    return Template(
        name, method, segments, _flat(name, "query", effect.query), headers, body, _flat(name, "form", effect.form),
        key_header, validators, frozenset(effect.optional),
    )  # fmt: skip


def _path(effect_name: str, path: str, effect: Effect) -> tuple[tuple[str | Argument, ...], ...]:
    segments: list[tuple[str | Argument, ...]] = []
    used: list[str] = []
    pieces = path.split("/")[1:]
    for index, segment in enumerate(pieces):
        parts = _PLACE.split(segment)
        constants, names = parts[0::2], parts[1::2]
        if segment == "" and index != len(pieces) - 1:
            raise template_fault(effect_name, "the path has an empty segment")
        if not all(_SEGMENT.fullmatch(constant) for constant in constants):
            raise template_fault(effect_name, f"the path segment {segment[:60]!r} is not RFC 3986 text")
        if not names and is_dotted(unquote(segment)):
            raise template_fault(effect_name, "the path has a dot segment")
        if any(_UNRESERVED.fullmatch(between) for between in constants[1:-1]):
            raise template_fault(
                effect_name, f"in {segment[:60]!r} two places are not told apart by a reserved character such as `,`"
            )
        used += names
        filled = [Argument(part) if number % 2 else part for number, part in enumerate(parts)]
        segments.append(tuple(part for part in filled if part != "") or ("",))
    if len(used) != len(set(used)) or set(used) != {key for key, item in effect.path.items() if is_placeholder(item)}:
        raise template_fault(effect_name, "the places in the path and the schemas under path do not match")
    if len(used) != len(effect.path):
        raise template_fault(effect_name, "a member under path is not a schema")
    return tuple(segments)


def _headers(effect_name: str, effect: Effect) -> tuple[tuple[str, Node], ...]:
    headers: dict[str, Node] = {}
    if effect.body is not None:
        headers["content-type"] = Constant("application/json")
    elif effect.form:
        headers["content-type"] = Constant("application/x-www-form-urlencoded")
    named: set[str] = set()
    for given, value in effect.headers.items():
        header = header_name(effect_name, given)
        if header in named:
            raise template_fault(effect_name, f"the header {header} is set twice")
        named.add(header)
        node = scalar_node(effect_name, given, value)
        if isinstance(node, Constant):
            try:
                header_value(node.value)
            except Misplaced as error:
                raise template_fault(effect_name, f"the header {header} {error}") from None
        headers[header] = node
    return tuple(headers.items())


def header_name(effect_name: str, given: str) -> str:
    if _TOKEN.fullmatch(given) is None or given.lower() in _OWN_HEADERS:
        raise template_fault(effect_name, f"the header {given[:80]!r} cannot be set")
    return given.lower()


def _flat(effect_name: str, place: str, members: Mapping[str, Any]) -> tuple[tuple[str, Node], ...]:
    pairs: list[tuple[str, Node]] = []
    for key, value in members.items():
        node = scalar_node(effect_name, key, value)
        try:
            name = query_piece(key)
            if isinstance(node, Constant):
                query_piece(node.value)
        except Misplaced as error:
            raise template_fault(effect_name, f"the {place} member {key[:60]!r} {error}") from None
        if not name:
            raise template_fault(effect_name, f"a {place} member has no name")
        pairs.append((name, node))
    return tuple(pairs)
