"""The door: finds out who asks, by whichever credentials a request shows, and how often it may."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Protocol

from starlette.requests import HTTPConnection

from infrafabric.control.api.frame.passing import passing_of
from infrafabric.control.api.frame.rates import Rates
from infrafabric.control.api.principal import Principal
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Authenticator", "Door"]

_REFUSED = frozenset({Code.AUTH_INVALID, Code.AUTH_EXPIRED, Code.TALENT_UNKNOWN, Code.TALENT_REVOKED})


class Authenticator(Protocol):
    """One way of showing who one is."""

    cheap: bool
    """Whether telling good credentials from bad ones costs next to nothing. Where it does not, an address that showed
    too many bad ones has to wait before any more are looked at."""

    def shows(self, request: HTTPConnection) -> bool:
        """Whether the request shows such credentials, good or bad."""
        ...

    async def authenticate(self, request: HTTPConnection) -> Principal:
        """Who asks. Called only where `shows` said so. Raises IF_ERR_* where the credentials do not hold."""
        ...


class Door:
    """Takes one kind of credentials a request. Those that do not hold are refused, and counted by address."""

    def __init__(self, ways: Sequence[Authenticator], rates: Rates, refused: Rates) -> None:
        """`rates` counts requests by credential, `refused` those of addresses whose credentials did not hold."""
        self._ways = tuple(ways)
        self._rates = rates
        self._refused = refused

    async def authenticate(self, request: HTTPConnection) -> Principal:
        """Raises IF_ERR_AUTH_REQUIRED where no credentials are shown, IF_ERR_AUTH_INVALID where two kinds are,
        IF_ERR_RATE_LIMITED, and what each way raises."""
        shown = [way for way in self._ways if way.shows(request)]
        passing = passing_of(request.scope)
        if not shown:
            if "authorization" in request.headers:
                raise self.count_refused(passing.address, _unknown_scheme())
            raise FabricError(Code.AUTH_REQUIRED, f"{request.url.path} is served to known callers only")
        if len(shown) > 1 or len(request.headers.getlist("authorization")) > 1:
            raise FabricError(Code.AUTH_INVALID, "the request shows two kinds of credentials; show one")
        if not shown[0].cheap:
            self._refused.check(_source(passing.address))
        try:
            principal = await shown[0].authenticate(request)
        except FabricError as error:
            raise (self.count_refused(passing.address, error) if error.code in _REFUSED else error) from None
        try:
            passing.quota = self._rates.take(principal.credential)
        except FabricError:
            passing.quota = self._rates.quota(principal.credential)
            raise
        return principal

    def count_refused(self, address: str, error: FabricError) -> FabricError:
        """What to answer to credentials that do not hold: `error`, or IF_ERR_RATE_LIMITED where there were too many."""
        try:
            self._refused.take(_source(address))
        except FabricError as limited:
            return limited
        return error


def _source(address: str) -> str:
    """Who is counted as one: an IPv4 address, or the /64 that an IPv6 host has to itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def _unknown_scheme() -> FabricError:
    return FabricError(Code.AUTH_INVALID, "the Authorization header is of no kind that is taken here")
