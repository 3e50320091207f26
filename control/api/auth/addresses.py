"""The address under which a request was made, as its own bytes say it."""

from __future__ import annotations

from starlette.requests import HTTPConnection

__all__ = ["origin_of", "target_uri"]


def origin_of(request: HTTPConnection) -> str:
    """`http://localhost:8400`: the web origin (RFC 6454) that the request is for."""
    scheme = {"ws": "http", "wss": "https"}.get(request.scope["scheme"], request.scope["scheme"])
    return f"{scheme}://{request.headers.get('host', '')}".lower()


def target_uri(request: HTTPConnection) -> str:
    """`@target-uri` (RFC 9421 section 2.2.2): whole, its path as it was encoded by the caller."""
    scope = request.scope
    path = (scope.get("raw_path") or b"").partition(b"?")[0].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return f"{origin_of(request)}{path}{f'?{query}' if query else ''}"
