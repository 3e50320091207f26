"""Answers held against the OpenAPI document: what a route says of its answer is what it answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

__all__ = ["Described"]


@dataclass
class Described:
    """The document of a served house. `checking` makes a client whose every answer is held against it."""

    document: dict[str, Any]
    seen: set[tuple[str, str]] = field(default_factory=set)
    """Method and path of what was called."""

    def checking(self, client: httpx.AsyncClient) -> httpx.AsyncClient:
        client.event_hooks["response"].append(self._check)
        return client

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """The path's template and its operation."""
        for template, pattern in self._templates:
            found = self.document["paths"][template].get(method.lower())
            if found is not None and pattern.fullmatch(path) is not None:
                return template, found
        return None

    @cached_property
    def _templates(self) -> list[tuple[str, re.Pattern[str]]]:
        """The most literal first."""

        def literal(template: str) -> int:
            return len(re.sub(r"\{[^}]*\}", "", template))

        paths = sorted(self.document["paths"], key=lambda one: (-literal(one), one))
        return [(one, re.compile(re.sub(r"\\\{[^}]*\\\}", ".+", re.escape(one)))) for one in paths]

    async def _check(self, response: httpx.Response) -> None:
        await response.aread()
        request = response.request
        found = self.operation(request.method, unquote(request.url.path))
        if found is None:
            return
        template, operation = found
        self.seen.add((request.method, template))
        if response.status_code == 304:
            return
        media = response.headers.get("content-type", "").partition(";")[0]
        described = operation["responses"]
        status = str(response.status_code)
        entry = described.get(status) or described.get(f"{status[0]}XX") or described.get("default")
        place = f"{request.method} {template} {status}"
        assert entry is not None or response.status_code >= 400, f"{place} is not in the document"
        content = (entry or {}).get("content", {})
        schema = (content.get(media) or content.get("application/json", {})).get("schema")
        if schema and media.endswith("json"):
            errors = list(self._validator(schema).iter_errors(json.loads(response.content)))
            assert not errors, f"{place}: {errors[0].json_path}: {errors[0].message[:300]}"

    def _validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        resource = DRAFT202012.create_resource(self.document)
        registry = Registry().with_resource("urn:openapi", resource)
        absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:openapi#/'))
        return Draft202012Validator(absolute, registry=registry)
