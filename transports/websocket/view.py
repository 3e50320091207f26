"""Views: reads answered from what the peer told since a first look, never from less.

The order on the wire is what a view rests on: it is asked for a subscription, then for a first look, and before each
answer for a reply of any kind (the barrier). What came before the first look's reply is older than it and dropped; what
came before the barrier's reply is in the answer. So a read after a write on the same connection shows it, and a peer
that stalls is noticed instead of being believed.

What cannot be folded makes a view stale: an event that lacks its key, more than fits into twice the limit of an answer,
a lost connection. A stale view looks again at the next read; one that nobody reads for a minute is let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.lasting.link import Course, Link
from infrafabric.transports.lasting.session import News, Reply
from infrafabric.transports.websocket.fits import LACKING, Pointer, fits
from infrafabric.transports.websocket.session import Asked
from infrafabric.transports.websocket.spec import Spec

__all__ = ["Fold", "TargetSaid", "View", "ViewSpec"]

KEEP_S = 60.0
"""How long a view is kept current that nobody reads."""
LOOKS = 3
"""First looks in one read, where the peer tells of more than can be kept."""


class TargetSaid(Exception):
    """The peer said no. The text is its own."""


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """A compiled `view`."""

    key: str
    """The same for equal views: those share their things."""
    look: Mapping[str, Any]
    subscribe: Mapping[str, Any]
    event: Any
    items: Pointer
    item_key: Pointer
    event_key: Pointer
    event_value: Pointer
    barrier: Mapping[str, Any]
    barrier_reply: Any
    select: str
    """The argument that names the keys wanted; "" where all things are always answered."""


class Fold:
    """The things of a view: a first look, and what was told since. Pure. `items` is None while stale."""

    def __init__(self, spec: ViewSpec, limit: int) -> None:
        self.items: dict[str, Any] | None = None
        self._spec = spec
        self._limit = limit
        self._sizes: dict[str, int] = {}
        self._size = 0

    def look(self, reply: Mapping[str, Any], size: int) -> bool:
        """Take a first look, in place of all that was known. False: it is not what the manifest says it is."""
        self.stale()
        things = self._spec.items.get(reply)
        if not isinstance(things, list):
            return False
        items: dict[str, Any] = {}
        for thing in things:
            key = self._spec.item_key.get(thing)
            if not isinstance(key, str) or key in items:
                return False
            items[key] = thing
        self.items, self._size = items, size
        return True

    def hear(self, message: Mapping[str, Any], size: int) -> None:
        """Fold in a message of the view's subscription."""
        if self.items is None or not fits(self._spec.event, message):
            return
        key = self._spec.event_key.get(message)
        if not isinstance(key, str):
            self.stale()
            return
        value = self._spec.event_value.get(message)
        self._size -= self._sizes.pop(key, 0)
        if value is None or value is LACKING:
            self.items.pop(key, None)
            return
        self.items[key] = value
        self._sizes[key] = size
        self._size += size
        if self._size > 2 * self._limit:
            self.stale()

    def stale(self) -> None:
        self.items = None
        self._sizes.clear()
        self._size = 0

    def answer(self, keys: Sequence[str] | None) -> dict[str, Any]:
        """Thing by key; None for a key that was asked for and is not there. Not while stale."""
        assert self.items is not None
        return dict(self.items) if keys is None else {key: self.items.get(key) for key in keys}


class View:
    """A `lasting.hearer.Hearer` that answers reads. `limit` is the size of an answer at most."""

    holding = False  # nobody waits for a view: it is opened again with the next read

    def __init__(self, link: Link, name: str, spec: ViewSpec, connection: Spec, limit: int) -> None:
        self.fold = Fold(spec, limit)
        self._link = link
        self._name = name
        self._spec = spec
        self._connection = connection
        self._limit = limit
        self._generation = 0
        self._ticket = 0
        self._looking = asyncio.Lock()
        self._read_at = 0.0

    # --- Hearer
    def hear(self, news: News) -> None:
        if self.fold.items is None or news.ticket not in (None, self._ticket):
            return
        if asyncio.get_running_loop().time() - self._read_at > KEEP_S:
            self.fold.stale()
            return
        self.fold.hear(news.value, news.size)

    def lost(self, refusal: FabricError | None) -> None:
        self._generation = self._ticket = 0
        self.fold.stale()

    async def opened(self) -> None:
        return None

    # --- reading
    async def read(self, keys: Sequence[str] | None, course: Course) -> dict[str, Any]:
        """The things as they were at some moment after this was called. Raises as `Link.ask`, and TargetSaid."""
        for _ in range(LOOKS):
            self._read_at = asyncio.get_running_loop().time()
            async with self._looking:
                current = self.fold.items is not None and self._generation == self._link.generation
                if not current:
                    await self._look(course)
            if current:
                await self._ask(self._spec.barrier, self._spec.barrier_reply, course)
            if self.fold.items is not None:
                return self.fold.answer(keys)
        raise FabricError(
            Code.ANSWER_TOO_LARGE, f"target {self._name} tells of more than can be kept of {self._limit} bytes"
        )

    async def _look(self, course: Course) -> None:
        await self._link.ready()
        if self._generation != self._link.generation or self._ticket == 0:
            generation = self._link.generation
            self._ticket = 0
            self._judge(await self._ask(self._spec.subscribe, self._connection.reply, course, self._took))
            if self._link.generation != generation:
                raise FabricError(Code.TARGET_LOST, f"target {self._name}: its connection was lost before it answered")
            self._generation = generation
        self.fold.stale()
        taken: list[bool] = []

        def at_reply(reply: Reply) -> None:  # before any event that came after it
            if reply.size <= self._limit and self._connection.judge(reply.value) is None:
                taken.append(self.fold.look(reply.value, reply.size))

        asked = Asked(self._spec.look, self._connection.reply)
        reply = await self._link.ask(asked, course, limit=self._limit, on_reply=at_reply)
        self._judge(reply)
        if taken != [True]:
            raise FabricError(
                Code.ANSWER_INVALID, f"target {self._name} answered a first look without a list of things by key"
            )

    async def _ask(self, message: Mapping[str, Any], pattern: Any, course: Course, on_ticket: Any = None) -> Reply:
        reply = await self._link.ask(Asked(message, pattern), course, on_ticket=on_ticket)
        if not fits(pattern, reply.value):
            raise TargetSaid(self._connection.judge(reply.value) or "")
        return reply

    def _judge(self, reply: Reply) -> None:
        problem = self._connection.judge(reply.value)
        if problem is not None:
            raise TargetSaid(problem)

    def _took(self, ticket: int) -> None:
        self._ticket = ticket
