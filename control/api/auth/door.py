"""The door: finds out who asks, by whichever credentials a request shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import HTTPConnection

from infrafabric.control.api.principal import Principal
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Authenticator", "Door"]


class Authenticator(Protocol):
    """One way of showing who one is."""

    async def authenticate(self, request: HTTPConnection) -> Principal | None:
        """Who asks; None where the request shows no such credentials. Raises IF_ERR_* where they do not hold."""
        ...


class Door:
    """Tries each way. Credentials that do not hold are refused, whatever else the request shows."""

    def __init__(self, ways: Sequence[Authenticator]) -> None:
        self._ways = tuple(ways)

    async def authenticate(self, request: HTTPConnection) -> Principal:
        """Raises IF_ERR_AUTH_REQUIRED where none are shown, and what each way raises."""
        for way in self._ways:
            found = await way.authenticate(request)
            if found is not None:
                return found
        raise FabricError(Code.AUTH_REQUIRED, f"{request.url.path} is served to known callers only")
