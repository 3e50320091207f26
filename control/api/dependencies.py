"""What routes ask for: the service, and a caller whose credentials are for what they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from infrafabric.control.api.frame.passing import passing_of
from infrafabric.control.api.principal import Principal
from infrafabric.control.api.service import Service
from infrafabric.kernel.words.access import AccessScope

__all__ = [
    "Acting", "Administering", "Approving", "Known", "Planning", "Reading", "TheService", "Trace", "needs",
    "service_of", "trace_of",
]  # fmt: skip


def service_of(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


def trace_of(request: Request) -> str:
    """The trace id that the request goes under."""
    return passing_of(request.scope).trace


# FastAPI sends a dependency that is no coroutine to another thread, which costs more than all of these do.


async def _service(request: Request) -> Service:
    return service_of(request)


async def _trace(request: Request) -> str:
    return trace_of(request)


async def _known(request: Request) -> Principal:
    return await service_of(request).door.authenticate(request)


def needs(scope: AccessScope) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency: the caller, whose credentials are for `scope`. Raises IF_ERR_AUTH_*, IF_ERR_SCOPE_MISSING."""

    async def caller(request: Request) -> Principal:
        principal = await service_of(request).door.authenticate(request)
        principal.require(scope)
        return principal

    return caller


TheService = Annotated[Service, Depends(_service)]
Trace = Annotated[str, Depends(_trace)]
Known = Annotated[Principal, Depends(_known)]
"""Whoever shows credentials, for whatever they are."""
Reading = Annotated[Principal, Depends(needs(AccessScope.READ))]
Planning = Annotated[Principal, Depends(needs(AccessScope.PLAN))]
Acting = Annotated[Principal, Depends(needs(AccessScope.ACT))]
Approving = Annotated[Principal, Depends(needs(AccessScope.APPROVE))]
Administering = Annotated[Principal, Depends(needs(AccessScope.ADMINISTER))]
