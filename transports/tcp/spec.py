"""What `connection`, `reply` and `signals` say, compiled: whatever could not be spoken is refused here. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.tcp.line import Line, compile_line, plain
from infrafabric.transports.tcp.patterns import LinePattern, compile_line_pattern

__all__ = ["Expect", "ReplyRule", "Send", "Spec", "compile_connection", "compile_reply", "members"]

_CONNECTION = frozenset({"line_end", "encode", "opening", "idle", "idle_reply"})


@dataclass(frozen=True, slots=True)
class Expect:
    """The next line matches `pattern`, or `refused` where the peer does not let us in."""

    pattern: LinePattern
    refused: LinePattern | None


@dataclass(frozen=True, slots=True)
class Send:
    line: Line
    secrets: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """How a line is known for the reply to a request. One of `ok` and `length` is there."""

    ok: LinePattern | None
    failed: LinePattern | None
    length: LinePattern | None
    """Its group is the number of bytes that come after the line."""
    definite: LinePattern | bool = False
    """Which lines that match `failed` say for certain that nothing was done."""

    def conclusive(self, line: str) -> bool:
        """Whether a no in these words leaves nothing open."""
        return self.definite if isinstance(self.definite, bool) else self.definite.matches(line)


@dataclass(frozen=True, slots=True)
class Spec:
    """A compiled `connection`."""

    key: str
    line_end: bytes
    percent: bool
    opening: tuple[Expect | Send, ...]
    idle: str
    idle_reply: ReplyRule | None
    secrets: frozenset[str]
    settings: frozenset[str]


def compile_connection(connection: Mapping[str, Any]) -> Spec:
    """Raises IF_ERR_MANIFEST_INVALID, naming the member."""
    given = members("connection", connection, _CONNECTION)
    if given.get("line_end", "crlf") not in ("crlf", "lf"):
        raise _fault("connection.line_end", "is crlf or lf")
    if given.get("encode", "plain") not in ("plain", "percent"):
        raise _fault("connection.encode", "is plain or percent")
    if ("idle" in given) != ("idle_reply" in given):
        raise _fault("connection", "idle and idle_reply stand together")
    steps = given.get("opening", ())
    if not isinstance(steps, (list, tuple)) or len(steps) > 16:
        raise _fault("connection.opening", "is a list of at most 16 steps")
    opening = tuple(_step(step, f"connection.opening.{number}") for number, step in enumerate(steps))
    sends = [step for step in opening if isinstance(step, Send)]
    secrets = frozenset().union(*(step.secrets for step in sends))
    names = frozenset(name for step in sends for name in step.line.names)
    idle, idle_reply = "", None
    if "idle" in given:
        idle = _constant(given["idle"], "connection.idle")
        idle_reply = ReplyRule(compile_line_pattern(given["idle_reply"], "connection.idle_reply"), None, None)
    return Spec(
        hashlib.sha256(dumps(dict(connection))).hexdigest(),
        b"\r\n" if given.get("line_end", "crlf") == "crlf" else b"\n",
        given.get("encode", "plain") == "percent", opening, idle, idle_reply, secrets, names - secrets,
    )  # fmt: skip


def compile_reply(reply: Mapping[str, Any], where: str) -> ReplyRule:
    """An effect's `reply`, or a subscription's. Raises IF_ERR_MANIFEST_INVALID."""
    given = dict(members(where, reply, frozenset({"ok", "failed", "length", "definite"})))
    definite = given.pop("definite", False)
    if definite is not False and "failed" not in given:
        raise _fault(where, "has definite without failed")
    if not isinstance(definite, bool):
        definite = compile_line_pattern(definite, f"{where}.definite")
    rules = {name: compile_line_pattern(item, f"{where}.{name}") for name, item in given.items()}
    if ("ok" in rules) == ("length" in rules):
        raise _fault(where, "has ok or length: how the answer is known")
    if "length" in rules and rules["length"].parts is None:
        raise _fault(f"{where}.length", "has no group: the number of bytes that follow")
    return ReplyRule(rules.get("ok"), rules.get("failed"), rules.get("length"), definite)


def members(where: str, value: object, known: frozenset[str]) -> Mapping[str, Any]:
    """`value` as a mapping with no other members. Raises IF_ERR_MANIFEST_INVALID."""
    if not isinstance(value, Mapping):
        raise _fault(where, "is a mapping")
    if unknown := sorted(set(value) - known):
        raise _fault(where, f"takes no {str(unknown[0])[:40]!r}; it takes {', '.join(sorted(known))}")
    return value


def _step(step: object, where: str) -> Expect | Send:
    given = members(where, step, frozenset({"expect", "refused", "send", "secrets"}))
    if "send" in given and not {"expect", "refused"} & set(given):
        line = compile_line(given["send"], where, plain)
        secrets = given.get("secrets", ())
        if not isinstance(secrets, (list, tuple)) or not set(secrets) <= set(line.names):
            raise _fault(f"{where}.secrets", "names places of the line")
        return Send(line, frozenset(secrets))
    if "expect" not in given or {"send", "secrets"} & set(given):
        raise _fault(where, "sends or expects")
    refused = compile_line_pattern(given["refused"], f"{where}.refused") if "refused" in given else None
    return Expect(compile_line_pattern(given["expect"], f"{where}.expect"), refused)


def _constant(value: object, where: str) -> str:
    line = compile_line(value, where, plain)
    if line.names:
        raise _fault(where, "takes no places")
    return line.texts[0]


def _fault(where: str, why: str) -> FabricError:
    return FabricError(Code.MANIFEST_INVALID, f"{where} {why}")
