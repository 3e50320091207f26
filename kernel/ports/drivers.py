"""Drivers as the kernel sees them: what performs effects, and what it says of a target."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import Target

__all__ = ["Answer", "Driver", "DriverCall", "Health", "Signals"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the world answered to an effect, as it is given to a guest and recorded: JSON, secrets redacted.

    An http answer is `{"status", "headers", "body"}`, with `"encoding": "base64"` where the body is not text.
    """

    value: Mapping[str, Any]
    ok: bool = True
    """Whether the peer says that it did what was asked (for http: 2xx)."""
    problem: str = ""
    """Where not ok: what the peer said, in one line, secrets redacted."""
    conclusive: bool = True
    """Whether a no is one: after an http 5xx the request may have been acted on all the same."""
    later: bool = False
    """Whether the same request may be taken later (for http: 408, 425, 429, 502, 503, 504)."""
    retry_after: float | None = None
    """Seconds until then, where the peer says so."""
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class DriverCall:
    """One effect to perform: the signed template, its arguments, and where."""

    manifest: Manifest
    effect: str
    args: Mapping[str, Any]
    target: Target
    provider_key: str | None = None
    """Idempotency key for the provider, where the effect declares one."""
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Health:
    """How a target was found when a driver last had to do with it."""

    state: Literal["up", "connecting", "down", "refused"]
    """`refused`: it answered, and did not let us in (a wrong password, a revoked token)."""
    detail: str = ""
    """One line, secrets redacted: why it is not up, or what the peer says it is."""
    latency_ms: float | None = None
    """Of the last request, or of connecting."""
    reconnects: int = 0
    """Connections that were made after the first."""


class Signals(Protocol):
    """That a peer told of a change. What changed is not said: the kernel looks."""

    async def wait(self) -> None:
        """Return once the peer has told of something since the last `wait` (or since these signals were opened)."""
        ...


class Driver(Protocol):
    """Host code that performs effects. One instance serves all targets of its kind and keeps their connections."""

    name: str

    def check(self, manifest: Manifest) -> None:
        """Raise IF_ERR_MANIFEST_INVALID for templates that this driver could not perform. Pure."""
        ...

    async def address(self, manifest: Manifest, target: Target) -> Mapping[str, Any]:
        """Where calls go, for `changes_digest`: scheme, host, port, tls, class; ip where it is plaintext or private.

        Resolves and checks it; raises IF_ERR_ADDRESS_REFUSED, IF_ERR_ADDRESS_CHANGED, IF_ERR_TARGET_SETTINGS.
        """
        ...

    def describe(self, call: DriverCall) -> str:
        """The request in one line, as an approver reads it, secrets masked. Raises IF_ERR_EFFECT_ARGUMENT. Pure."""
        ...

    async def perform(self, call: DriverCall, secrets: Mapping[str, str]) -> Answer:
        """Make the request once. Raises IF_ERR_TARGET_*, IF_ERR_ANSWER_*, IF_ERR_ADDRESS_*, IF_ERR_REDIRECT_REFUSED.

        An error with `retryable` set by its code and raised before anything was sent is IF_ERR_TARGET_UNREACHABLE;
        after something was sent the effect may have happened, whatever is raised.
        """
        ...

    def signals(
        self, manifest: Manifest, target: Target, secrets: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Signals] | None:
        """What `manifest.signals` asks this driver to listen for; None where this driver cannot listen.

        Entering connects and subscribes where that has not happened yet. Raises as `perform` does.
        """
        ...

    def health(self) -> Mapping[str, Health]:
        """The targets that this driver had to do with, by name, as they were last found. No I/O."""
        ...

    async def check_health(self, manifest: Manifest, target: Target, secrets: Mapping[str, str]) -> Health:
        """Reach the target now: connect, and be let in where its connections begin so. Asks for nothing and alters
        nothing. Never raises for what the target does."""
        ...

    async def forget(self, target: str) -> None:
        """Drop what is kept of a target, connections and pinned addresses: an operator changed or removed it."""
        ...

    async def close(self) -> None: ...
