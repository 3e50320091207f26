"""Headers in and out: how much and of what form a request's may be, and what every answer says to a browser."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Scope

from infrafabric.control.api.frame.passing import Passing
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["check_answer", "check_request", "completed"]

Raw = Sequence[tuple[bytes, bytes]]

_SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Each where the route has not said otherwise: the console's pages have a policy of their own."""


def check_request(scope: Scope, limit: int) -> tuple[str, str, int]:
    """The Host header, the `traceparent` ("" where there is none), and the body's declared length (-1 where none is).

    Raises IF_ERR_HEADERS_TOO_LARGE over `limit` bytes of line and headers, IF_ERR_HEADER_INVALID for control
    characters, for a Host or Content-Length that is missing, sent twice or malformed.
    """
    headers: Raw = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    host = parent = b""
    hosts = parents = lengths = 0
    length = b""
    for name, value in headers:
        size += len(name) + len(value) + 4
        if b"\n" in value or b"\r" in value or b"\0" in value:
            raise FabricError(Code.HEADER_INVALID, "a header holds a line break or a NUL")
        if name == b"host":
            host, hosts = value, hosts + 1
        elif name == b"traceparent":
            parent, parents = value, parents + 1
        elif name == b"content-length":
            length, lengths = value, lengths + 1
    if size > limit:
        raise FabricError(Code.HEADERS_TOO_LARGE, f"{size} bytes of line and headers where {limit} are taken")
    if hosts != 1:
        raise FabricError(Code.HEADER_INVALID, f"{hosts} Host headers where one is due")
    if lengths > 1 or (lengths == 1 and not (length.isdigit() and len(length) <= 18)):
        raise FabricError(Code.HEADER_INVALID, "Content-Length is no length")
    return host.decode("latin-1"), parent.decode("latin-1") if parents == 1 else "", int(length) if lengths else -1


def check_answer(headers: Raw) -> None:
    """Refuse to send a header that would break the answer in two. Raises ValueError."""
    for name, value in headers:
        if b"\n" in value or b"\r" in value or b"\0" in value:
            raise ValueError(f"the answer's header {name.decode('latin-1')} holds a line break")


def completed(headers: Raw, passing: Passing) -> list[tuple[bytes, bytes]]:
    """An answer's headers with what the frame adds."""
    found = list(headers)
    names = {name.lower() for name, _ in found}
    found.extend(one for one in _SECURITY if one[0] not in names)
    found.append((b"traceparent", passing.traceparent.encode("ascii")))
    if passing.quota is not None:
        found.append((b"ratelimit-policy", passing.quota.policy.encode("ascii")))
        found.append((b"ratelimit", passing.quota.state.encode("ascii")))
    return found
