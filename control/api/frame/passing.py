"""What is known of one request while it passes: its trace, where it comes from, how much its caller may still ask."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Passing", "Quota", "passing_of"]

_KEY = "infrafabric.passing"
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Quota:
    """What a token bucket leaves to a caller."""

    name: str
    burst: int
    window_s: int
    """Seconds in which an empty bucket is full again."""
    left: int
    full_in_s: int

    @property
    def policy(self) -> str:
        """`RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)."""
        return f'"{self.name}";q={self.burst};w={self.window_s}'

    @property
    def state(self) -> str:
        """`RateLimit`."""
        return f'"{self.name}";r={self.left};t={self.full_in_s}'


@dataclass(slots=True)
class Passing:
    """One request. Routes read `trace`; the frame writes the rest into the answer's headers."""

    trace: str = ""
    """W3C trace id: the caller's, else a fresh one. What is asked goes under it."""
    parent: str = ""
    """The caller's span id, "" where it sent none."""
    span: str = ""
    """This request's own span id."""
    sampled: bool | None = None
    """Whether the caller samples the trace; None where it did not say."""
    address: str = ""
    quota: Quota | None = None
    over: int = 0
    """The limit that the body went over, once it did."""

    def __post_init__(self) -> None:
        fresh = os.urandom(24).hex()  # asked for once, since every request pays for it
        self.trace, self.span = self.trace or fresh[:32], self.span or fresh[32:]

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace}-{self.span}-{'01' if self.sampled else '00'}"

    def follow(self, header: str) -> None:
        """Go on under the caller's trace. A `traceparent` that is not of its form is as good as none
        (W3C Trace Context section 3.2.2.5)."""
        match = _TRACEPARENT.fullmatch(header.strip())
        if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
            return
        if match[2] != "0" * 32 and match[3] != "0" * 16:
            self.trace, self.parent, self.sampled = match[2], match[3], bool(int(match[4], 16) & 1)


def passing_of(scope: MutableMapping[str, Any]) -> Passing:
    """The request's own; made where it did not come through the frame."""
    found = scope.get(_KEY)
    if found is None:
        found = scope[_KEY] = Passing(address=(scope.get("client") or ("",))[0])
    assert isinstance(found, Passing)
    return found
