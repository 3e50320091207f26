"""The OpenAPI 3.1 document: what FastAPI finds in the routes, with what holds for all of them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from infrafabric.control.api.auth.sessions import COOKIE
from infrafabric.control.api.problems import MEDIA_TYPE
from infrafabric.control.api.shapes.common import Problem

__all__ = ["OPEN", "document"]

OPEN = frozenset({"/healthz", "/readyz", "/v1/sessions", "/v1/messages"})
"""Paths that take no credentials: they tell nothing, or what is sent to them says itself who sends it."""

_SCHEMES: dict[str, dict[str, str]] = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "`ifk_…`, made by `ifctl key add`."},
    "oidc": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of an OpenID provider that the settings name.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "HTTP Message Signatures (RFC 9421) with the talent's Ed25519 key; see docs/api.md.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "A console session; what changes something needs X-CSRF-Token too.",
    },
}
_METHODS = ("get", "put", "post", "patch", "delete")


def document(app: FastAPI) -> dict[str, Any]:
    """Every operation with its refusals as problem details, and with the credentials that it takes."""
    found = app.openapi()
    components = found.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    found["security"] = [{name: []} for name in _SCHEMES]
    refusal = {"description": "Refused.", "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for path, operations in found["paths"].items():
        for method in _METHODS:
            if method in operations:
                _complete(operations[method], refusal, is_open=path in OPEN and method != "delete")
    return found


def _complete(operation: dict[str, Any], refusal: dict[str, Any], *, is_open: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's own shape, which is never answered
    for status in ("4XX", "5XX"):
        told = responses.setdefault(status, refusal)
        if "application/json" in told.get("content", {}):  # a route that says more, in FastAPI's own media type
            responses[status] = {**told, "content": {MEDIA_TYPE: told["content"]["application/json"]}}
    if is_open:
        operation["security"] = []
