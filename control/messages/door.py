"""Messages as they come to a kernel's doors: bytes in, an answer or a refusal out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infrafabric.control.api.frame.rates import Rates
from infrafabric.control.messages.admission import Messages, Passed
from infrafabric.control.messages.answers import Answer, answer_json
from infrafabric.control.messages.frames import read_frame
from infrafabric.control.messages.opening import messages_of
from infrafabric.control.messages.sources import network_of
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.stations import OnStation

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["LOCAL", "MessageDoor"]

LOCAL = "local"
"""The source of what comes from the machine's own user, who has the home open and is not limited."""

LOCAL_TIMES = 16
"""How many times the usual evidence the machine's own user may hand in at once."""

_LOAD = frozenset({Code.RATE_LIMITED, Code.BUSY, Code.DISK_FULL, Code.LOG_STOPPED, Code.LOG_CLOCK, Code.INTERNAL})
"""Refusals that are not the source's fault."""


class MessageDoor:
    """One an open house. Sources are limited in how much they send, and far more in how much of it is refused."""

    def __init__(self, house: House) -> None:
        serve = house.settings.serve
        self._house = house
        self._messages: Messages = messages_of(house)
        self._envelope_bytes = house.settings.messages.bytes
        self._frame_bytes = max(serve.body_bytes, self._envelope_bytes)
        self._rates = Rates("source", serve.requests_rps, serve.requests_burst)
        self._streams_each = house.settings.messages.streams_each
        self._streams: Counter[str] = Counter()
        self._refused = Rates("refused", serve.refused_rps, serve.refused_burst)

    async def take(
        self, data: bytes, address: str, *, passed: Passed | None = None, watcher: OnStation | None = None
    ) -> dict[str, Any]:
        """Admit the frame `data`, and do what a request asks for; the answer as `answer_json` makes it.

        Raises what `read_frame` and `Messages.send` raise, and IF_ERR_RATE_LIMITED for an address that sent too much,
        or too much that was refused.
        """
        source = LOCAL if address == LOCAL else network_of(address)
        if source != LOCAL:
            self._refused.check(source)
            self._rates.spend(source)
        try:
            return answer_json(await self._admit(data, source, passed, watcher))
        except FabricError as error:
            if error.code not in _LOAD:
                self._count(source)
            raise

    async def _admit(self, data: bytes, source: str, passed: Passed | None, watcher: OnStation | None) -> Answer:
        try:
            most = self._frame_bytes * (LOCAL_TIMES if source == LOCAL else 1)
            frame = read_frame(data, self._envelope_bytes, most)
        except FabricError as error:
            self._house.kernel.parts.count(error.code, source)
            raise
        if passed is not None:
            passed("form")
        return await self._messages.send(frame, source, passed=passed, watcher=watcher)

    @contextmanager
    def streaming(self, address: str) -> Iterator[None]:
        """While a stream of this address is open. Raises IF_ERR_RATE_LIMITED where it has too many."""
        source = network_of(address)
        if self._streams[source] >= self._streams_each:
            raise FabricError(Code.RATE_LIMITED, f"{self._streams_each} message streams of {source} are open")
        self._streams[source] += 1
        try:
            yield
        finally:
            self._streams[source] -= 1
            if not self._streams[source]:
                del self._streams[source]

    def _count(self, source: str) -> None:
        """One more refusal of the source. Where that is too many, the next is not even looked at."""
        if source == LOCAL:
            return
        try:
            self._refused.spend(source)
        except FabricError as limited:
            if limited.code is not Code.RATE_LIMITED:
                raise
