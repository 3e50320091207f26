"""`Idempotency-Key`: the same request under the same key is done once (draft-ietf-httpapi-idempotency-key-header).

Actions remember their keys in the log (`kernel.ask.Ask.idempotency_key`). `Answers` is for records that have no name of
the caller's choosing, such as API keys: it remembers for as long as the process lives, and no longer than an hour.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from infrafabric.control.api.principal import Principal
from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Answers", "IdempotencyKey"]

KEPT_S = 3_600.0
KEPT = 1_000


async def _idempotency_key(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=255, pattern=r"^[\x21-\x7e]{1,255}$", description="Names this request among the caller's."),
    ] = None,
) -> str:
    if len(request.headers.getlist("idempotency-key")) > 1:
        raise FabricError(Code.HEADER_INVALID, "Idempotency-Key was sent more than once")
    return idempotency_key or ""


IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
""""" where none was sent."""


@dataclass(slots=True)
class _Kept:
    digest: str
    until: float
    answer: asyncio.Future[Any]


class Answers:
    """What was answered under which key."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def once(
        self,
        caller: Principal,
        route: str,
        key: str,
        asked: Any,
        work: Callable[[], Awaitable[Any]],
        may_see: Callable[[Any], object],
    ) -> Any:
        """The answer of `work`, which is done once for each key of the caller's credentials and what they are for. A
        refusal is not remembered. `work` looks itself whether the caller may; `may_see` raises where the caller may not
        be given an answer that was made before.

        Raises IF_ERR_IDEMPOTENCY_CONFLICT where the key was used for another request.
        """
        who = " ".join((caller.method, caller.talent.id, caller.credential, *sorted(caller.scopes), route))
        made = False

        async def make() -> Any:
            nonlocal made
            made = True
            return await work()

        answer = await self._once(who, key, asked, make)
        if not made:
            may_see(answer)
        return answer

    async def _once(self, who: str, key: str, asked: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        if not key:
            return await work()
        self._forget()
        digest = sha256(dumps(asked))
        kept = self._kept.get((who, key))
        if kept is not None:
            if kept.digest != digest:
                raise FabricError(Code.IDEMPOTENCY_CONFLICT, f"the idempotency key {key[:40]!r} was used before")
            return await self._theirs(kept, who, key, asked, work)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._kept[who, key] = _Kept(digest, self._now() + KEPT_S, future)
        try:
            answer = await work()
        except BaseException as error:
            self._kept.pop((who, key), None)
            if isinstance(error, FabricError):
                future.set_exception(error)
                future.exception()  # whoever else waits is told; that nobody does is no fault
            else:
                future.cancel()
            raise
        future.set_result(answer)
        return answer

    async def _theirs(self, kept: _Kept, who: str, key: str, asked: Any, work: Callable[[], Awaitable[Any]]) -> Any:
        """The answer of the first who asked; where that one went away unanswered, this caller is the first."""
        try:
            return await asyncio.shield(kept.answer)
        except asyncio.CancelledError:
            if not kept.answer.cancelled():
                raise
            return await self._once(who, key, asked, work)

    def _forget(self) -> None:
        now = self._now()
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if oldest.until > now and len(self._kept) < KEPT:
                return
            self._kept.popitem(last=False)
