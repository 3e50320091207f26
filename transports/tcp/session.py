"""The conversation on one connection: the opening, then one request at a time, and news at any time. Pure.

While a request waits, a line is its reply when the request's patterns match it; every other line is news. Where nothing
was subscribed, a line that matches the last request's reply while nothing waits ends the connection: the peer answers
twice, and the next request must not take that for its own. A request that nobody waits for any more ends it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.errors import FabricError
from infrafabric.transports.lasting.session import Event, Malformed, News, Refused, Reply, TooLarge
from infrafabric.transports.tcp.spec import Expect, ReplyRule, Spec

__all__ = ["Asked", "LineSession", "Said"]

MAX_LINE = 64 * 1024
"""Bytes of a line that comes, or fewer where the limit of an answer is lower."""
MAX_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A request line."""

    line: str
    reply: ReplyRule | None
    """How its reply is known; None: it has none."""
    subscribes: bool = False
    """Whether the peer tells of things from then on, perhaps in the words of a reply."""


@dataclass(frozen=True, slots=True)
class Said:
    """A reply: its line, and the bytes that came after it where it announced some."""

    line: str
    body: bytes | None
    ok: bool


class LineSession:
    """A `lasting.session.Session`. `said` are the opening's lines in order, filled in; they are not kept."""

    one_at_a_time = True

    def __init__(self, spec: Spec, said: Sequence[str], limit: int) -> None:
        self.opened = False
        self.limit = limit
        self._spec = spec
        self._said = list(said)
        self._step = 0
        self._out = bytearray()
        self._received = bytearray()
        self._seen = 0
        self._ticket = 0
        self._told = False
        self._waiting: ReplyRule | None = None
        self._last: ReplyRule | None = None
        self._body: tuple[str, int] | None = None
        """The line of a reply whose body is not whole yet, and how many bytes that has."""

    def begin(self) -> None:
        self._say_opening()

    def receive(self, data: bytes) -> Iterator[Event]:
        self._received += data
        while True:
            if self._body is not None:
                line, length = self._body
                if len(self._received) < length:
                    return
                body = bytes(self._received[:length])
                del self._received[:length]
                self._seen, self._body = 0, None
                yield self._replied(Said(line, body, True), len(line) + length)
                continue
            end = self._received.find(b"\n", self._seen)
            if end < 0:
                self._seen = len(self._received)
                if self._seen > min(self.limit, MAX_LINE):
                    raise TooLarge
                return
            if end > min(self.limit, MAX_LINE):
                raise TooLarge
            raw = bytes(self._received[:end])
            del self._received[: end + 1]
            self._seen = 0
            event = self._line(raw.removesuffix(b"\r").decode("utf-8", "replace"), len(raw))
            if event is not None:
                yield event

    def ask(self, request: Any) -> int:
        assert isinstance(request, Asked) and self.opened and self._waiting is None
        self._write(request.line)
        self._told |= request.subscribes
        if request.reply is None:
            return 0
        self._ticket += 1
        self._waiting = self._last = request.reply
        return self._ticket

    def forget(self, ticket: int) -> bool:
        return self._waiting is None or ticket != self._ticket

    def probe(self) -> int | None:
        if self._spec.idle_reply is None or self._waiting is not None or not self.opened:
            return None
        return self.ask(Asked(self._spec.idle, self._spec.idle_reply))

    def outgoing(self) -> bytes:
        data = bytes(self._out)
        self._out.clear()
        return data

    def _write(self, line: str) -> None:
        self._out += line.encode("utf-8") + self._spec.line_end

    # --- what comes
    def _line(self, line: str, size: int) -> Event | None:
        if not self.opened:
            self._hear_opening(line)
            return None
        rule = self._waiting
        if rule is None:
            if not self._told and self._last is not None and _answers(self._last, line):
                raise Malformed("a second reply to one request")
            return News(line, None, size)
        if rule.failed is not None and rule.failed.matches(line):
            return self._replied(Said(line, None, False), size)
        if rule.length is not None and rule.length.matches(line):
            try:
                length = rule.length.group(line)
            except FabricError as fault:
                raise Malformed(fault.message) from None
            self._body = (line, self._length(length))
            return None
        if rule.ok is not None and rule.ok.matches(line):
            return self._replied(Said(line, None, True), size)
        return News(line, None, size)

    def _length(self, text: str) -> int:
        if not (text.isascii() and text.isdigit()):
            raise Malformed("a length that is no number")
        if len(text) > 12 or int(text) > self.limit:
            raise TooLarge
        return int(text)

    def _replied(self, said: Said, size: int) -> Reply:
        self._waiting = None
        return Reply(self._ticket, said, size)

    # --- the opening
    def _hear_opening(self, line: str) -> None:
        step = self._spec.opening[self._step]
        assert isinstance(step, Expect)
        if step.pattern.matches(line):
            self._step += 1
            self._say_opening()
        elif step.refused is not None and step.refused.matches(line):
            raise Refused(line if len(line) <= MAX_SHOWN else "")
        else:
            raise Malformed(f"line {self._step + 1} of its opening is another than expected")

    def _say_opening(self) -> None:
        """Say what is ours to say, up to the next line that is expected."""
        steps = self._spec.opening
        while self._step < len(steps) and not isinstance(steps[self._step], Expect):
            self._write(self._said.pop(0))
            self._step += 1
        self.opened = self._step == len(steps)


def _answers(rule: ReplyRule, line: str) -> bool:
    patterns = (rule.ok, rule.failed, rule.length)
    return any(pattern is not None and pattern.matches(line) for pattern in patterns)
