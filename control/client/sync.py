"""The client for programs without asyncio: the same methods, each of which returns when the answer is there."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Any, Self

import anyio.from_thread
import httpx

from infrafabric.control.client.answers import Action, Plan
from infrafabric.control.client.asynchronous import AsyncClient, credentials
from infrafabric.control.client.events import Event

__all__ = ["Client"]


class Client:
    """A talent's client of one kernel; see `AsyncClient`. Its connections live in a thread of their own until `close`.

    For one thread at a time.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        vkeys: Sequence[str] | None = None,
        verify_receipts: bool = True,
        timeout_s: float = 60.0,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`vkeys` are the log's verifier keys, from `ifctl witness vkey`. `timeout_s` is for one answer."""
        credentials(key, vkeys, verify_receipts=verify_receipts)  # before a thread is started
        self._thread: AbstractContextManager[anyio.from_thread.BlockingPortal] = (
            anyio.from_thread.start_blocking_portal()
        )
        self._portal = self._thread.__enter__()
        self._closed = False
        self._client = self._portal.call(
            partial(
                AsyncClient,
                url,
                key=key,
                vkeys=vkeys,
                verify_receipts=verify_receipts,
                timeout_s=timeout_s,
                tls=tls,
                transport=transport,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._portal.call(self._client.close)
            self._thread.__exit__(None, None, None)

    def capabilities(self) -> list[dict[str, Any]]:
        """What is installed, each with whether it may be used."""
        return self._portal.call(self._client.capabilities)

    def plan(self, capability: str, intent: Mapping[str, Any], *, why: str, on: str | None = None, **more: Any) -> Plan:
        """What the intent would change on the target `on`. Nothing is written."""
        return self._portal.call(partial(self._client.plan, capability, intent, why=why, on=on, **more))

    def dry_run(
        self, what: Plan | str, intent: Mapping[str, Any] | None = None, *, why: str | None = None,
        on: str | None = None, **more: Any,
    ) -> Action:  # fmt: skip
        """Go all the way of an apply, and write nothing."""
        return self._portal.call(partial(self._client.dry_run, what, intent, why=why, on=on, **more))

    def apply(
        self,
        what: Plan | str,
        intent: Mapping[str, Any] | None = None,
        *,
        why: str | None = None,
        on: str | None = None,
        idempotency_key: str | None = None,
        wait_s: float = 0,
        **more: Any,
    ) -> Action:
        """Bring an intent about; of a plan exactly what it said. See `AsyncClient.apply`."""
        return self._portal.call(
            partial(
                self._client.apply,
                what,
                intent,
                why=why,
                on=on,
                idempotency_key=idempotency_key,
                wait_s=wait_s,
                **more,
            )
        )

    def undo(self, action: Action | str, *, why: str, idempotency_key: str | None = None) -> Action:
        """Take back what an action changed, where the target still is as the action left it."""
        return self._portal.call(partial(self._client.undo, action, why=why, idempotency_key=idempotency_key))

    def cancel(self, action: Action | str, *, why: str) -> Action:
        """Stop an action before its next write, or withdraw its question."""
        return self._portal.call(partial(self._client.cancel, action, why=why))

    def action(self, action: Action | str) -> Action:
        """What became of an action so far."""
        return self._portal.call(self._client.action, action)

    def await_approval(self, action: Action | str, *, timeout_s: float = 900) -> Action:
        """Wait until people have answered and the action is over; still `waiting` after `timeout_s` seconds."""
        return self._portal.call(partial(self._client.await_approval, action, timeout_s=timeout_s))

    def receipt(self, action: Action | str) -> bytes:
        """The verified receipt of an action that is over."""
        return self._portal.call(self._client.receipt, action)

    def events(self, *, since: int | None = None, **filters: str) -> Iterator[Event]:
        """The log's entries as they become durable. See `AsyncClient.events`."""
        stream = self._client.events(since=since, **filters)
        try:
            while True:
                yield self._portal.call(stream.__anext__)
        finally:
            self._portal.call(stream.aclose)

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """Any other GET of the API."""
        return self._portal.call(partial(self._client.get, path, **params))
