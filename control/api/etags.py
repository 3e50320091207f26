"""ETags and preconditions (RFC 9110 section 13): what exists is changed only by who has seen its present state."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from starlette.responses import JSONResponse, Response

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Conditional", "Conditions", "etag_of"]

_TAG = re.compile(r'\s*(?:W/)?"([\x21\x23-\x7e]*)"\s*')
_CACHING = "private, no-cache"
"""Kept by the caller alone, and asked about each time."""


def etag_of(shape: Any) -> str:
    """The strong ETag of a JSON answer: it is another whenever the answer is."""
    return f'"{hashlib.sha256(dumps(shape)).hexdigest()[:32]}"'


class Conditions:
    """`If-Match` and `If-None-Match` of a request."""

    def __init__(self, if_match: str | None, if_none_match: str | None) -> None:
        """Raises IF_ERR_HEADER_INVALID."""
        self._match = _tags("If-Match", if_match)
        self._none_match = _tags("If-None-Match", if_none_match)

    def may_change(self, now: Any | None) -> None:
        """`now` is the present answer about what is to be changed; None where there is none, and it is to be made.

        Raises IF_ERR_MATCH_REQUIRED where it exists and no If-Match was sent; IF_ERR_CHANGED_MEANWHILE where it is
        another than the caller saw, or exists where `If-None-Match: *` says that it must not.
        """
        if now is None:
            if self._match is not None:
                raise FabricError(Code.CHANGED_MEANWHILE, "If-Match was sent, and there is nothing to match")
            return
        if self._none_match is not None and "*" in self._none_match:
            raise FabricError(Code.CHANGED_MEANWHILE, "it exists already, and If-None-Match says that it must not")
        if self._match is None:
            raise FabricError(Code.MATCH_REQUIRED, "If-Match is missing")
        if "*" not in self._match and etag_of(now).strip('"') not in self._match:
            raise FabricError(Code.CHANGED_MEANWHILE, "its ETag is no longer the one in If-Match")

    def answer(self, shape: Any) -> Response:
        """`shape` with its ETag; 304 without a body where the caller has it already."""
        tag = etag_of(shape)
        headers = {"ETag": tag, "Cache-Control": _CACHING}
        if self._none_match is not None and ("*" in self._none_match or tag.strip('"') in self._none_match):
            return Response(status_code=304, headers=headers)
        return JSONResponse(shape, headers=headers)


def _tags(name: str, value: str | None) -> frozenset[str] | None:
    if value is None:
        return None
    if value.strip() == "*":
        return frozenset({"*"})
    found = [_TAG.fullmatch(part) for part in value.split(",")]
    if not all(found) or len(found) > 20:
        raise FabricError(Code.HEADER_INVALID, f'{name} is a list of ETags, each in quotes, or "*"')
    return frozenset(match[1] for match in found if match is not None)


async def _conditions(
    request: Request,
    if_match: Annotated[str | None, Header(max_length=2_000, description="ETag of the state that was seen.")] = None,
    if_none_match: Annotated[str | None, Header(max_length=2_000, description="ETags that the caller has.")] = None,
) -> Conditions:
    for name in ("if-match", "if-none-match"):
        if len(request.headers.getlist(name)) > 1:
            raise FabricError(Code.HEADER_INVALID, f"{name} was sent more than once")
    return Conditions(if_match, if_none_match)


Conditional = Annotated[Conditions, Depends(_conditions)]
"""A route with it reads or changes one thing that has an ETag."""
