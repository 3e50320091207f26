"""What `connection`, `view` and `signals` say, compiled: whatever could not be spoken is refused here. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.encoding import Misplaced, header_value
from infrafabric.transports.http.compiler import header_name
from infrafabric.transports.places import (
    Argument,
    Array,
    Constant,
    Filling,
    Node,
    Object,
    json_node,
    scalar_node,
    secrets_in,
)
from infrafabric.transports.websocket.fits import Pointer

__all__ = [
    "Expect", "Send", "Spec", "compile_connection", "constant_message", "members", "message_node", "pattern",
    "patterns", "pointer",
]  # fmt: skip

_CONNECTION = frozenset({"opening", "headers", "id", "reply", "ok", "problem", "definite", "idle", "idle_reply"})


@dataclass(frozen=True, slots=True)
class Expect:
    """The next message fits `pattern`, or `refused` where the peer does not let us in."""

    pattern: Any
    refused: Any | None


@dataclass(frozen=True, slots=True)
class Send:
    message: Node


@dataclass(frozen=True, slots=True)
class Spec:
    """A compiled `connection`."""

    key: str
    opening: tuple[Expect | Send, ...]
    headers: tuple[tuple[str, Node], ...]
    id: str
    """The member that requests and their replies share."""
    reply: Any
    ok: Pointer | None
    problem: Pointer | None
    idle: Mapping[str, Any] | None
    idle_reply: Any
    secrets: frozenset[str]
    definite: tuple[Any, ...] = ()
    """What a no holds that says for certain that nothing was done."""
    settings: frozenset[str] = frozenset()

    def judge(self, reply: Any) -> str | None:
        """What the peer says is wrong, in its words ("" where it says none); None where it did what was asked."""
        if self.ok is None or self.ok.get(reply) is True:
            return None
        said = self.problem.get(reply) if self.problem is not None else ""
        return said if isinstance(said, str) else ""


def compile_connection(connection: Mapping[str, Any]) -> Spec:
    """Raises IF_ERR_MANIFEST_INVALID, naming the member."""
    given = members("connection", connection, _CONNECTION, required=("id",))
    if not isinstance(given["id"], str) or not 0 < len(given["id"]) <= 64:
        raise _fault("connection.id", "is the name of a member")
    if ("idle" in given) != ("idle_reply" in given):
        raise _fault("connection", "idle and idle_reply stand together")
    steps = given.get("opening", ())
    if not isinstance(steps, (list, tuple)) or len(steps) > 16:
        raise _fault("connection.opening", "is a list of at most 16 steps")
    opening = tuple(_step(step, f"connection.opening.{number}") for number, step in enumerate(steps))
    headers = _headers(given.get("headers", {}))
    nodes: Iterable[Node] = [
        *(step.message for step in opening if isinstance(step, Send)),
        *(node for _, node in headers),
    ]
    spoken = {name: item for name, item in given.items() if name != "definite"}  # how a no is read parts no connection
    return Spec(
        hashlib.sha256(dumps(spoken)).hexdigest(), opening, headers, given["id"],
        pattern(given.get("reply", {}), "connection.reply"),
        pointer(given["ok"], "connection.ok") if "ok" in given else None,
        pointer(given["problem"], "connection.problem") if "problem" in given else None,
        constant_message(given["idle"], "connection.idle", given["id"]) if "idle" in given else None,
        pattern(given.get("idle_reply", {}), "connection.idle_reply"),
        frozenset(name for node in nodes for name in secrets_in(node)),
        patterns(given.get("definite", ()), "connection.definite"),
    )  # fmt: skip


def members(where: str, value: object, known: frozenset[str], required: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """`value` as a mapping with these members and no others. Raises IF_ERR_MANIFEST_INVALID."""
    if not isinstance(value, Mapping):
        raise _fault(where, "is a mapping")
    if unknown := sorted(set(value) - known):
        raise _fault(where, f"takes no {str(unknown[0])[:40]!r}; it takes {', '.join(sorted(known))}")
    if lacking := [name for name in required if name not in value]:
        raise _fault(where, f"lacks {lacking[0]}")
    return value


def pattern(value: object, where: str) -> Any:
    """What messages are compared with: a mapping of constants. Raises IF_ERR_MANIFEST_INVALID."""
    if not isinstance(value, Mapping):
        raise _fault(where, "is a mapping: the members that a message holds")
    return _constants(value, where)


def patterns(value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise _fault(where, "is a list of patterns")
    return tuple(pattern(one, f"{where}.{number}") for number, one in enumerate(value))


def pointer(value: object, where: str) -> Pointer:
    try:
        return Pointer(value)  # type: ignore[arg-type]
    except ValueError as error:
        raise _fault(where, str(error)) from None


def message_node(value: object, where: str, id_member: str) -> Object:
    """A message that is sent, but for its id: a mapping that may hold places. Raises IF_ERR_MANIFEST_INVALID."""
    node = json_node(where, value)
    if not isinstance(node, Object):
        raise _fault(where, "is a mapping: the message")
    if any(key == id_member for key, _ in node.members):
        raise _fault(where, f"sets {id_member}, which the driver counts")
    return node


def constant_message(value: object, where: str, id_member: str) -> Mapping[str, Any]:
    """A message without places."""
    node = message_node(value, where, id_member)
    if holds_argument(node) or any(secrets_in(node)):
        raise _fault(where, "takes no arguments and no secrets")
    filled: Mapping[str, Any] = Filling(where, {}, lambda name: "").json(node)
    return filled


def holds_argument(node: Node) -> bool:
    if isinstance(node, Object):
        return any(holds_argument(item) for _, item in node.members)
    if isinstance(node, Array):
        return any(map(holds_argument, node.items))
    return isinstance(node, Argument)


def _step(step: object, where: str) -> Expect | Send:
    given = members(where, step, frozenset({"expect", "refused", "send"}))
    if "send" in given:
        if len(given) > 1:
            raise _fault(where, "sends or expects")
        node = json_node(where, given["send"])
        if not isinstance(node, Object) or holds_argument(node):
            raise _fault(where, "sends a message that takes no arguments")
        return Send(node)
    if "expect" not in given:
        raise _fault(where, "sends or expects")
    refused = pattern(given["refused"], f"{where}.refused") if "refused" in given else None
    return Expect(pattern(given["expect"], f"{where}.expect"), refused)


def _headers(value: object) -> tuple[tuple[str, Node], ...]:
    if not isinstance(value, Mapping):
        raise _fault("connection.headers", "is a mapping")
    headers: dict[str, Node] = {}
    for given, item in value.items():
        name = header_name("connection", given)
        if name.startswith("sec-websocket") or name in headers:
            raise _fault("connection.headers", f"{name} cannot be set")
        node = scalar_node("connection", given, item)
        if isinstance(node, Argument):
            raise _fault("connection.headers", "takes no arguments")
        if isinstance(node, Constant):
            try:
                header_value(node.value)
            except Misplaced as error:
                raise _fault(f"connection.headers.{name}", str(error)) from None
        headers[name] = node
    return tuple(headers.items())


def _constants(value: Any, where: str) -> Any:
    try:
        dumps([value])
    except FabricError as error:
        raise _fault(where, error.message) from None
    return value


def _fault(where: str, why: str) -> FabricError:
    return FabricError(Code.MANIFEST_INVALID, f"{where} {why}")
