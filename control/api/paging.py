"""Lists in pages: an opaque cursor says where the next page begins, in `next` and in a `Link` header (RFC 8288)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request, Response

from infrafabric.kernel.canonical import dumps, loads
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Paged", "Paging"]

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
_CURSOR_BYTES = 2_000

T = TypeVar("T")


class Paging:
    """What a caller asked of a list: at most `limit` rows, from where a former page ended.

    A cursor holds a position and the list that it is of: path and filters. It gives nothing that the position would
    not, so it is not secret, and every page is judged by who asks for it.
    """

    def __init__(self, request: Request, response: Response, cursor: str, limit: int) -> None:
        """Raises IF_ERR_CURSOR_INVALID."""
        self.limit = limit
        self._request = request
        self._response = response
        filters = sorted((k, v) for k, v in request.query_params.multi_items() if k not in ("cursor", "limit"))
        named = dumps([request.url.path, [list(pair) for pair in filters]])
        self._list = hashlib.sha256(named).hexdigest()[:16]
        self.position = self._read(cursor) if cursor else None
        """Where the former page ended, as `next` was given it: a text or a whole number. None at the beginning."""

    def next(self, position: str | int | None) -> str | None:
        """The cursor to the page after `position`, in the `Link` header too; None where there is no further page."""
        if position is None:
            return None
        cursor = base64.urlsafe_b64encode(dumps([self._list, position])).decode("ascii").rstrip("=")
        url = self._request.url.include_query_params(cursor=cursor)
        self._response.headers.append("Link", f'<{url.path}?{url.query}>; rel="next"')
        return cursor

    def page(self, rows: Sequence[T], key: Callable[[T], str]) -> tuple[list[T], str | None]:
        """The rows of this page and the cursor to the next, of rows whose `key` is unique. They come sorted by it."""
        after = self.position
        if after is not None and not isinstance(after, str):
            raise _invalid()
        left = sorted((row for row in rows if after is None or key(row) > after), key=key)
        found = left[: self.limit]
        return found, self.next(key(found[-1]) if len(left) > len(found) else None)

    @property
    def index(self) -> int | None:
        """The position in a list of numbered rows, such as the log. Raises IF_ERR_CURSOR_INVALID."""
        if self.position is not None and not isinstance(self.position, int):
            raise _invalid()
        return self.position

    def _read(self, cursor: str) -> str | int:
        try:
            content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            found: Any = loads(content, limit=_CURSOR_BYTES)
        except (binascii.Error, ValueError, FabricError):
            raise _invalid() from None
        if not (isinstance(found, list) and len(found) == 2 and found[0] == self._list):
            raise _invalid()
        position = found[1]
        if isinstance(position, bool) or not isinstance(position, (str, int)):
            raise _invalid()
        return position


def _invalid() -> FabricError:
    return FabricError(Code.CURSOR_INVALID, "the cursor is of another list, or no cursor")


async def _paging(
    request: Request,
    response: Response,
    cursor: Annotated[str, Query(max_length=2_000, description="`next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows of a page.")] = DEFAULT_LIMIT,
) -> Paging:
    return Paging(request, response, cursor, limit)


Paged = Annotated[Paging, Depends(_paging)]
