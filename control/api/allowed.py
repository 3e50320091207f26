"""Which methods a path takes (RFC 9110 section 10.2.1), by the routes as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fastapi import APIRouter
from starlette.routing import BaseRoute

__all__ = ["allowed"]

_ORDER = ("GET", "PUT", "POST", "PATCH", "DELETE")
_PARAMETER = re.compile(r"\{[^}]*\}")


def allowed(path: str, routers: Iterable[APIRouter], prefix: str, others: Iterable[BaseRoute]) -> list[str]:
    """The methods of the route template that says most of `path`; none where no route is there.

    `routers` are those under `prefix`. A template whose last parameter takes slashes would fit what stands below it
    too, and is not asked where a nearer one fits.
    """
    found: dict[str, set[str]] = {}
    for template, methods in _fitting(path, routers, prefix, others):
        found.setdefault(template, set()).update(methods)
    if not found:
        return []
    nearest = max(found, key=lambda template: len(_PARAMETER.sub("", template)))
    listed = [method for method in _ORDER if method in found[nearest]]
    return [*(one for method in listed for one in ((method, "HEAD") if method == "GET" else (method,))), "OPTIONS"]


def _fitting(
    path: str, routers: Iterable[APIRouter], prefix: str, others: Iterable[BaseRoute]
) -> Iterator[tuple[str, Iterable[str]]]:
    if path.startswith(prefix):
        for router in routers:
            yield from _matches(path.removeprefix(prefix), router.routes)
    yield from _matches(path, others)


def _matches(path: str, routes: Iterable[BaseRoute]) -> Iterator[tuple[str, Iterable[str]]]:
    for route in routes:
        regex, methods = getattr(route, "path_regex", None), getattr(route, "methods", None)
        if regex is not None and methods and regex.match(path):
            yield getattr(route, "path", ""), methods
