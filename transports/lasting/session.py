"""What a protocol core gives: one connection's conversation as a state machine without I/O. Pure.

Bytes go in by `receive`, bytes to be written come out by `outgoing`, and what was understood comes out as events. A
core is made anew for each connection and thrown away with it. It holds no more than its limits allow, whatever the peer
does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Ended", "Event", "Malformed", "News", "Refused", "Reply", "Session", "TooLarge"]


class Refused(Exception):
    """The peer did not let us in. The text is its own, to be redacted; at most a line."""


class Malformed(Exception):
    """What came is not of the protocol. The text is free of what the peer sent."""


class TooLarge(Exception):
    """A message is larger than the limit; it was not read."""


class Ended(Exception):
    """The peer said that it ends the connection. The text is its own, to be redacted; at most a line."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to what was asked under `ticket`."""

    ticket: int
    value: Any
    size: int = 0
    """Bytes of the message, as far as the core knows."""


@dataclass(frozen=True, slots=True)
class News:
    """A message that answers nothing: the peer tells of something by itself."""

    value: Any
    ticket: int | None = None
    """Of the request that it was subscribed with, where the peer says so."""
    size: int = 0


Event = Reply | News


class Session(Protocol):
    """One connection's conversation. Not safe for threads."""

    limit: int
    """The largest message that is read, in bytes. May be raised at any time."""
    opened: bool
    """Whether the opening is over, so that requests are taken."""
    one_at_a_time: bool
    """Whether a request may be asked only when the one before it was answered."""

    def begin(self) -> None:
        """The connection stands, TLS included: the opening may be said."""
        ...

    def receive(self, data: bytes) -> Iterator[Event]:
        """What the peer sent. To be exhausted; raises Refused, Malformed, TooLarge, Ended, after which all is over."""
        ...

    def ask(self, request: Any) -> int:
        """Queue a request; the ticket under which its reply will come, 0 where none will. Only when `opened`."""
        ...

    def forget(self, ticket: int) -> bool:
        """Nobody waits for that reply any more. False: its lateness would be taken for another's, so end here."""
        ...

    def probe(self) -> int | None:
        """Queue a request that alters nothing, to see that the peer lives; None where there is none or not now."""
        ...

    def outgoing(self) -> bytes:
        """The bytes to be written, each once."""
        ...
