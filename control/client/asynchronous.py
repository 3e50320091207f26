"""The client for asyncio, over httpx."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from infrafabric.control.client.answers import Action, Plan, action_of, plan_of
from infrafabric.control.client.calls import (
    MOST_ANSWER,
    Call,
    act,
    answered,
    checked,
    following,
    reasoned,
    receipt_in,
    seen,
)
from infrafabric.control.client.events import Event, Events
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.note import Verifier

__all__ = ["AsyncClient", "credentials"]

RECONNECT_S = 1.0


def credentials(key: str | None, vkeys: Sequence[str] | None, *, verify_receipts: bool) -> tuple[str, list[str] | None]:
    """The API key and the log's verifier keys, as given or from INFRAFABRIC_KEY and INFRAFABRIC_VKEY.

    Raises IF_ERR_AUTH_REQUIRED, IF_ERR_VKEY_INVALID: a client that verifies needs a key that it did not get from whom
    it verifies.
    """
    key = key or os.environ.get("INFRAFABRIC_KEY", "")
    if not key:
        raise FabricError(Code.AUTH_REQUIRED, "the client has no API key: `key`, or INFRAFABRIC_KEY")
    if not verify_receipts:
        return key, None
    known = list(vkeys) if vkeys is not None else os.environ.get("INFRAFABRIC_VKEY", "").split()
    if not known:
        raise FabricError(
            Code.VKEY_INVALID,
            "the client verifies receipts and has no verifier key of the log: `vkeys`, or INFRAFABRIC_VKEY",
            remedy="Take it from where the kernel runs: `ifctl witness vkey`. Or say verify_receipts=False.",
        )
    for vkey in known:
        Verifier.parse(vkey)
    return key, known


class AsyncClient:
    """A talent's client of one kernel. Every method raises FabricError with the kernel's own code.

    `IF_ERR_SERVER_UNREACHABLE` says that no answer came: what was asked may have happened; with an idempotency key the
    same ask can be made again.
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
        text, self._vkeys = credentials(key, vkeys, verify_receipts=verify_receipts)
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {text}", "Accept": "application/json"},
            timeout=timeout_s,
            verify=tls if tls is not None else True,
            transport=transport,
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def capabilities(self) -> list[dict[str, Any]]:
        """What is installed, each with whether it may be used."""
        found: list[dict[str, Any]] = (await self.get("/v1/capabilities"))["capabilities"]
        return found

    async def plan(
        self, capability: str, intent: Mapping[str, Any], *, why: str, on: str | None = None, **more: Any
    ) -> Plan:
        """What the intent would change on the target `on`. Nothing is written."""
        shape = await self._call(act("plan", capability, intent, on=on, why=why, **more))
        return plan_of(shape, intent, why)

    async def dry_run(
        self, what: Plan | str, intent: Mapping[str, Any] | None = None, *, why: str | None = None,
        on: str | None = None, **more: Any,
    ) -> Action:  # fmt: skip
        """Go all the way of an apply, and write nothing."""
        return await self._done(await self._call(act("dry_run", what, intent, on=on, why=why, **more)))

    async def apply(
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
        """Bring an intent about; of a plan exactly what it said, else it is refused as stale.

        Where people have to agree the outcome is `waiting`, after at most `wait_s` seconds.
        """
        call = act("apply", what, intent, on=on, why=why, idempotency_key=idempotency_key, **more)
        done = await self._done(await self._call(call))
        return await self.await_approval(done, timeout_s=wait_s) if done.waiting and wait_s > 0 else done

    async def undo(self, action: Action | str, *, why: str, idempotency_key: str | None = None) -> Action:
        """Take back what an action changed, where the target still is as the action left it."""
        return await self._done(await self._call(reasoned("undo", _id(action), why, idempotency_key)))

    async def cancel(self, action: Action | str, *, why: str) -> Action:
        """Stop an action before its next write, or withdraw its question."""
        return await self._done(await self._call(reasoned("cancel", _id(action), why)))

    async def action(self, action: Action | str) -> Action:
        """What became of an action so far."""
        return await self._done(await self._call(seen(_id(action))))

    async def await_approval(self, action: Action | str, *, timeout_s: float = 900) -> Action:
        """Wait until people have answered and the action is over; still `waiting` after `timeout_s` seconds.

        Raises the refusal where they did not agree.
        """
        until, pause = time.monotonic() + timeout_s, 0.0
        while True:
            found = await self.action(action)
            left = until - time.monotonic()
            if not found.waiting or left <= 0:
                return found
            pause = min(following(pause), left)
            await asyncio.sleep(pause)

    async def receipt(self, action: Action | str) -> bytes:
        """The verified receipt of an action that is over."""
        response = await self._send(receipt_in(_id(action)))
        if response.status_code >= 400:
            answered(response.status_code, response.content)
        found = checked(response.content, _id(action), self._vkeys)
        assert found is not None
        return found

    async def events(self, *, since: int | None = None, **filters: str) -> AsyncGenerator[Event, None]:
        """The log's entries as they become durable, from index `since` on; goes on by itself after a broken line."""
        events = Events(since - 1 if since is not None and since > 0 else None)
        first = since == 0
        while True:
            headers = {"Accept": "text/event-stream"}
            if events.last is not None:
                headers["Last-Event-ID"] = str(events.last)
            params = {**filters, **({"since": "0"} if first and events.last is None else {})}
            try:
                async with self._http.stream("GET", "/v1/events", params=params, headers=headers, timeout=60) as answer:
                    if answer.status_code >= 400:
                        answered(answer.status_code, await answer.aread())
                    async for line in answer.aiter_lines():
                        for event in events.line(line):
                            yield event
            except httpx.TransportError:
                pass  # what was missed is sent again from the last id on
            await asyncio.sleep(RECONNECT_S)

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        """Any other GET of the API."""
        return await self._call(Call("GET", path, params=params))

    async def _done(self, shape: Mapping[str, Any]) -> Action:
        return action_of(shape, checked(shape.get("receipt"), shape["action"], self._vkeys))

    async def _call(self, call: Call) -> dict[str, Any]:
        response = await self._send(call)
        return answered(response.status_code, response.content)

    async def _send(self, call: Call) -> httpx.Response:
        try:
            response = await self._http.request(
                call.method, call.path, json=call.body, headers=call.headers, params=call.params
            )
        except httpx.HTTPError as error:
            raise FabricError(
                Code.SERVER_UNREACHABLE, f"{call.method} {call.path}: {type(error).__name__} {error}".strip()
            ) from None
        if len(response.content) > MOST_ANSWER:
            raise FabricError(Code.SERVER_ANSWER, f"{call.path} answered with more than {MOST_ANSWER} bytes")
        return response


def _id(action: Action | str) -> str:
    return action if isinstance(action, str) else action.id
