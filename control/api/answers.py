"""Answers as JSON. Their shapes are those of `ifctl --json`; `control.api.shapes` says of each what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

__all__ = ["answer", "listed"]

JSON = "application/json"


def answer(shape: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`shape` as it stands: what the routes say of it in the OpenAPI document is held against it by the tests."""
    return Response(orjson.dumps(shape), status, dict(headers or {}), JSON)


def listed(shape: Any, paging: Response) -> Response:
    """A page of a list, with the headers that `Paging` set on the response that it was given."""
    found = answer(shape)
    found.headers.raw.extend(paging.headers.raw)
    return found
