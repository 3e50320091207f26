"""Signals: what a peer tells by itself, reduced to that it told.

A subscription is shared by all who listen for the same news on one connection, said once a connection, and said again
on the next one; then its listeners are told too, since something may have changed meanwhile. A flood of news is one
signal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Signals
from infrafabric.transports.lasting.link import Course, Link
from infrafabric.transports.lasting.session import News

__all__ = ["Ear", "Listening", "Subscribing", "Subscription", "listen"]


Clean = Callable[[FabricError], FabricError]
"""An error → the same one, redacted, without what it was raised from."""


@dataclass(frozen=True, slots=True)
class Subscribing:
    """What is to be said so that the peer tells, and what of all that it tells is news. Made by a driver."""

    key: str
    """The same for equal subscriptions."""
    asked: tuple[Any, ...]
    """Requests, as the wire takes them, whose replies say whether they were taken."""
    told: tuple[Any, ...]
    """Requests that have no reply."""
    judge: Callable[[Any], str | None]
    """A reply's value → what the peer says is wrong, None where nothing is."""
    wanted: Callable[[News, frozenset[int]], bool]
    """Whether a message is news; given the tickets of `asked` on this connection."""


class Ear:
    """One listener's `kernel.ports.Signals`."""

    def __init__(self, clean: Clean) -> None:
        self._clean = clean
        self._told = asyncio.Event()
        self._refusal: FabricError | None = None

    def tell(self) -> None:
        self._told.set()

    def heal(self) -> None:
        """The peer lets us listen again. Only that ends a refusal: a stray message is no subscription."""
        if self._refusal is not None:
            self._refusal = None
            self._told.set()

    def fail(self, refusal: FabricError) -> None:
        self._refusal = refusal
        self._told.set()

    async def wait(self) -> None:
        """See `Signals.wait`. Raises FabricError where the peer does not let us listen any more."""
        await self._told.wait()
        if self._refusal is not None:
            raise self._clean(self._refusal)
        self._told.clear()


class Subscription:
    """A `hearer.Hearer` for the news of one kind."""

    def __init__(self, link: Link, name: str, subscribing: Subscribing) -> None:
        self.ears: set[Ear] = set()
        self._link = link
        self._name = name
        self._subscribing = subscribing
        self._generation = 0
        self._tickets: frozenset[int] = frozenset()
        self._saying = asyncio.Lock()

    @property
    def holding(self) -> bool:
        return bool(self.ears)

    def hear(self, news: News) -> None:
        if self.ears and self._subscribing.wanted(news, self._tickets):
            for ear in self.ears:
                ear.tell()

    def lost(self, refusal: FabricError | None) -> None:
        self._tickets = frozenset()
        if refusal is not None:
            for ear in self.ears:
                ear.fail(refusal)

    async def opened(self) -> None:
        await self.say()
        for ear in self.ears:
            ear.tell()

    async def say(self) -> None:
        """Subscribe, unless that was done on this connection. Raises FabricError; IF_ERR_TARGET_STATUS for a no."""
        async with self._saying:
            await self._link.ready()
            generation = self._link.generation
            if self._generation == generation:
                return
            self._tickets = frozenset()
            for request in self._subscribing.asked:
                reply = await self._link.ask(request, Course(), on_ticket=self._took)
                problem = self._subscribing.judge(reply.value)
                if problem is not None:
                    raise FabricError(
                        Code.TARGET_STATUS, f"target {self._name} does not let us listen: {problem or 'it said no'}"
                    )
            for request in self._subscribing.told:
                await self._link.tell(request)
            if self._link.generation != generation:
                raise FabricError(Code.TARGET_LOST, f"target {self._name}: its connection was lost while subscribing")
            self._generation = generation
            for ear in self.ears:
                ear.heal()

    def _took(self, ticket: int) -> None:
        self._tickets |= {ticket}


@asynccontextmanager
async def listen(link: Link, name: str, subscribing: Subscribing, limit_s: float, clean: Clean) -> AsyncIterator[Ear]:
    """Signals of that kind for as long as the context lasts, with the connection kept up. `limit_s` bounds entering;
    `clean` redacts what waiting raises."""
    link.hold()
    ear = Ear(clean)
    subscription: Subscription | None = None
    try:
        try:
            async with asyncio.timeout(limit_s):
                await link.ready()
                found = link.hearers.get(subscribing.key)
                if not isinstance(found, Subscription):
                    found = link.hearers[subscribing.key] = Subscription(link, name, subscribing)
                subscription = found
                subscription.ears.add(ear)  # before anything is said: what is told right after it counts
                await subscription.say()
        except TimeoutError:
            raise FabricError(
                Code.TARGET_TIMEOUT, f"target {name} did not let us listen within {limit_s:g} s"
            ) from None
        yield ear
    finally:
        if subscription is not None:
            subscription.ears.discard(ear)
        link.release()


class Listening(AbstractAsyncContextManager[Signals]):
    """Signals, connected to on entering. What is raised then is cleaned, and holds no inner exception."""

    def __init__(
        self,
        entering: Callable[[], Awaitable[AbstractAsyncContextManager[Signals]]],
        clean: Clean,
    ) -> None:
        self._entering = entering
        self._clean = clean
        self._inner: AbstractAsyncContextManager[Signals] | None = None

    async def __aenter__(self) -> Signals:
        try:
            inner = await self._entering()
            signals = await inner.__aenter__()
        except FabricError as error:
            failure = self._clean(error)
        else:
            self._inner = inner
            return signals
        raise failure

    async def __aexit__(self, *raised: Any) -> None:
        assert self._inner is not None
        await self._inner.__aexit__(*raised)
