"""The conversation on one connection: the upgrade, the opening, then requests by number, replies and events. Pure.

- A reply is a message with the number of a request that waits and the members of its reply pattern. A second reply to a
  request, or one that comes after nobody waits any more, is passed over; a reply to a number that was never asked ends
  the connection: a peer that miscounts cannot be told what is whose.
- Every other message is news. One with the number of an earlier request belongs to the subscription made by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import FabricError
from infrafabric.transports.endpoint import Endpoint
from infrafabric.transports.lasting.session import Event, Malformed, News, Refused, Reply
from infrafabric.transports.websocket.fits import fits
from infrafabric.transports.websocket.frames import Frames, Message, Pong
from infrafabric.transports.websocket.spec import Expect, Spec

__all__ = ["Asked", "JsonSession"]

MAX_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the message but for its id, and what its reply holds beside the id."""

    message: Mapping[str, Any]
    reply: Any


class JsonSession:
    """A `lasting.session.Session`. `said` are the opening's messages in order, filled in; they are not kept."""

    one_at_a_time = False

    def __init__(
        self,
        spec: Spec,
        endpoint: Endpoint,
        headers: Sequence[tuple[str, str]],
        said: Sequence[Mapping[str, Any]],
        limit: int,
    ) -> None:
        self.opened = False
        self._spec = spec
        self._frames = Frames(endpoint, headers, limit)
        self._said = list(said)
        self._step = 0
        self._next = 1
        self._pending: dict[int, Any] = {}
        self._pings = 0

    @property
    def limit(self) -> int:
        return self._frames.limit

    @limit.setter
    def limit(self, value: int) -> None:
        self._frames.limit = value

    def begin(self) -> None:
        self._frames.begin()

    def receive(self, data: bytes) -> Iterator[Event]:
        for item in self._frames.feed(data):
            if isinstance(item, Pong):
                if item.payload.isdigit() and len(item.payload) < 19:
                    yield Reply(-int(item.payload), None)
                continue
            message = _parsed(item)
            if not self.opened:
                self._say_opening()
            if not self.opened:
                self._hear_opening(message)
            elif (event := self._event(message, len(item.data))) is not None:
                yield event
        if self._frames.open and not self.opened:
            self._say_opening()

    def ask(self, request: Any) -> int:
        assert isinstance(request, Asked) and self.opened
        number, self._next = self._next, self._next + 1
        self._pending[number] = request.reply
        try:
            self._frames.send(dumps({**request.message, self._spec.id: number}))
        except FabricError:
            del self._pending[number]
            raise
        return number

    def forget(self, ticket: int) -> bool:
        self._pending.pop(ticket, None)
        return True

    def probe(self) -> int | None:
        if self._spec.idle is not None:
            return self.ask(Asked(self._spec.idle, self._spec.idle_reply))
        self._pings += 1
        self._frames.ping(str(self._pings).encode("ascii"))
        return -self._pings

    def outgoing(self) -> bytes:
        return self._frames.outgoing()

    # --- the opening
    def _hear_opening(self, message: Mapping[str, Any]) -> None:
        step = self._spec.opening[self._step]
        assert isinstance(step, Expect)
        if fits(step.pattern, message):
            self._step += 1
            self._say_opening()
        elif step.refused is not None and fits(step.refused, message):
            try:
                said = dumps(dict(message)).decode("utf-8")
            except FabricError:
                said = ""  # a no in words that cannot be shown is a no all the same
            raise Refused(said if len(said) <= MAX_SHOWN else "")
        else:
            raise Malformed(f"step {self._step + 1} of its opening is another than expected")

    def _say_opening(self) -> None:
        """Say what is ours to say, up to the next message that is expected."""
        steps = self._spec.opening
        while self._step < len(steps) and not isinstance(steps[self._step], Expect):
            self._frames.send(dumps(self._said.pop(0)))
            self._step += 1
        self.opened = self._step == len(steps)

    # --- afterwards
    def _event(self, message: Mapping[str, Any], size: int) -> Event | None:
        number = message.get(self._spec.id)
        if type(number) is not int:  # true and 1.0 are no numbers of a request
            return News(message, None, size)
        if number >= self._next or number < 1:
            if self._spec.reply and not fits(self._spec.reply, message):
                return None  # its own numbering on what is no reply: news of nobody's subscription
            raise Malformed("a reply to what was never asked")
        if number in self._pending:
            if fits(self._pending[number], message) or (self._spec.reply and fits(self._spec.reply, message)):
                del self._pending[number]
                return Reply(number, {key: item for key, item in message.items() if key != self._spec.id}, size)
        elif self._spec.reply and fits(self._spec.reply, message):
            return None  # nobody waits for it any more
        return News(message, number, size)


def _parsed(message: Message) -> Mapping[str, Any]:
    try:
        value = orjson.loads(message.data)
    except ValueError:
        raise Malformed("a message that is not JSON") from None
    if not isinstance(value, dict):
        raise Malformed("a message that is no JSON object")
    return value
