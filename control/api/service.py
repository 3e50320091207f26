"""What every route works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from anyio import CapacityLimiter

import infrafabric
from infrafabric.control.api.auth.api_keys import ApiKeys
from infrafabric.control.api.auth.door import Authenticator, Door
from infrafabric.control.api.auth.oidc import OidcTokens
from infrafabric.control.api.auth.sessions import Sessions
from infrafabric.control.api.auth.signatures import SignedRequests
from infrafabric.control.api.frame.rates import Rates
from infrafabric.control.api.idempotency import Answers
from infrafabric.control.api.leave import Leaves
from infrafabric.control.api.streams.pace import Pace
from infrafabric.control.api.streams.places import Places
from infrafabric.control.crash import keep_crash
from infrafabric.control.feed import Feed
from infrafabric.control.mcp.http import McpDoor
from infrafabric.control.readiness import Readiness
from infrafabric.control.telemetry.metrics import Metrics
from infrafabric.control.telemetry.requests import Answered
from infrafabric.control.telemetry.tracing import Tracing
from infrafabric.kernel.errors import FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Service"]

OWN_CHANGES = 10
OWN_CHANGES_RPS = 0.1


@dataclass(slots=True)
class Service:
    """A house that is open for acting, and what the doors keep beside it for as long as it is."""

    house: House
    door: Door
    sessions: Sessions
    answers: Answers = field(default_factory=Answers)
    """What was answered under which `Idempotency-Key`, of records; actions have theirs in the log."""
    version: str = infrafabric.__version__
    operator_key: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    """For who loads the operator's key, which costs much time and memory: one at a time, in a thread of its own."""
    own_changes: Rates = field(default_factory=lambda: Rates("own changes", OWN_CHANGES_RPS, OWN_CHANGES))
    """How often a talent that is no operator may have the operator's key sign what it changes of its own."""
    long_reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """For who reads much of the log, in a thread: in turns, so that the loop gets its share."""
    feed: Feed = field(init=False)
    """Its streams have no end of their own: see `end_streams`."""
    leaves: Leaves = field(init=False)
    places: Places = field(init=False)
    readiness: Readiness = field(init=False)
    pace: Pace = field(default_factory=Pace)
    metrics: Metrics = field(init=False)
    tracing: Tracing | None = field(init=False)
    mcp: McpDoor = field(init=False)
    """To be closed like the feed."""
    _made: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        feed = self.feed = Feed(self.house.log)
        self.leaves = Leaves(self.house, lambda: feed.changes, self.sessions.holds)
        self.sessions.ended = feed.look_again
        self.places = Places(self.house.settings.serve.streams_each)
        self.readiness = Readiness(self.house)
        self.metrics = Metrics(self.house, self.version, lambda: feed.followers)
        feed.observe(self.metrics.entries)
        self.tracing = Tracing.of(self.house, feed, self.version)
        self.mcp = McpDoor(self)

    @classmethod
    def of(cls, house: House, since: datetime | None = None) -> Service:
        """The service of an open house, its doors as the house's settings say.

        `since` is when the house was opened, now where it is None: requests that were signed before are refused.
        """
        serve, authority, clock = house.settings.serve, house.authority, house.clock
        sessions = Sessions(
            authority, clock, lasting_s=serve.session_s, idle_s=serve.session_idle_s, link_s=serve.link_s
        )
        ways: list[Authenticator] = [
            ApiKeys(authority, clock),
            SignedRequests(authority, house.talent_named, clock, window_s=serve.signature_s, since=since or clock()),
            sessions,
            OidcTokens(authority, clock, serve.oidc),
        ]
        rates = Rates("credential", serve.requests_rps, serve.requests_burst)
        return cls(house, Door(ways, rates, Rates("refused", serve.refused_rps, serve.refused_burst)), sessions)

    def observers(self) -> tuple[Callable[[Answered], None], ...]:
        """Who is told of every request that was answered."""
        return (self.metrics.requests, *((self.tracing.answered,) if self.tracing is not None else ()))

    async def end_streams(self) -> None:
        """End the event streams, which have no end of their own, and send the collector what is left of traces."""
        self.feed.close()
        if self.tracing is not None:
            await self.tracing.close()

    def keep(self, error: BaseException, trace: str) -> FabricError:
        """Keep a fault's traceback in the home. Gives IF_ERR_INTERNAL to answer with."""
        return keep_crash(error, trace, self.house.home.crash, self.house.redactor.redact, tell_where=False)

    def once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Bytes that stay the same for as long as the process lives, made when they are first asked for."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]
