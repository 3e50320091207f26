"""Addresses: what class each is of, and the pins that hold a target to the addresses it was checked with.

**The pin.** A target's host is resolved when it is first used and again by every `Pins.resolve`, which the kernel
awaits before each plan and each apply. Every address in an answer is checked, not only the one that is used.

- For plaintext, or where any address is not public, the first answer is pinned. A later answer may be any part of it,
  in any order (round robin among known addresses); one address outside it is IF_ERR_ADDRESS_CHANGED, until the name
  answers as before or the pin is dropped. The profile names all pinned addresses, so an approval binds them.
- For TLS to public addresses the certificate binds the peer to the name, and providers move their addresses by the
  minute: a later answer of public addresses only replaces the pin. One that is anything else is IF_ERR_ADDRESS_CHANGED.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import anyio

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.things import AddressClass, Target
from infrafabric.transports.endpoint import Endpoint

__all__ = ["Pin", "Pins", "Resolver", "classify", "resolve_name"]

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""A name and a port → all its IP addresses, in order of preference. Raises OSError where there are none."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_FREE = frozenset({AddressClass.PUBLIC, AddressClass.PRIVATE})

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe",   # AWS, Azure, Google, OpenStack, …
        "169.254.170.2", "169.254.170.23", "fd00:ec2::23",                       # AWS containers and pods
        "169.254.0.23", "169.254.42.42", "fd00:42::42",                          # Tencent, Scaleway
        "100.100.100.200", "168.63.129.16", "192.0.0.192",                       # Alibaba, Azure's host, Oracle
    )
)  # fmt: skip


def _networks(*texts: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
_LINK_LOCAL = _networks("169.254.0.0/16", "fe80::/10")
_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""RFC 1918, RFC 6598 (carriers' and overlay networks' shared space), RFC 4193."""
_SPECIAL = _networks(
    "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20",
)  # fmt: skip
"""What the IANA special-purpose registries (RFC 6890) hold beyond those above."""
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@lru_cache(maxsize=4096)
def classify(text: str) -> AddressClass:
    """The class of an IP address; one that IPv6 embeds (mapped, NAT64, 6to4) counts. Raises ValueError."""
    address = _unwrap(ipaddress.ip_address(text.partition("%")[0]))
    if address in _METADATA:
        return AddressClass.METADATA
    for networks, kind in (
        (_LOOPBACK, AddressClass.LOOPBACK),
        (_LINK_LOCAL, AddressClass.LINK_LOCAL),
        (_PRIVATE, AddressClass.PRIVATE),
        (_SPECIAL, AddressClass.OTHER),
    ):
        if any(address in network for network in networks):
            return kind
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_V6:
        return AddressClass.OTHER
    return AddressClass.PUBLIC


def _unwrap(address: _Address) -> _Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


async def resolve_name(host: str, port: int) -> Sequence[str]:
    """The system's resolver."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


@dataclass(slots=True)
class Pin:
    """The addresses that a target is held to."""

    endpoint: Endpoint
    allowed: frozenset[str]
    """Every address that was checked and may be connected to."""
    classes: frozenset[AddressClass]
    order: tuple[str, ...]
    """Those to try, the last answer's order."""

    @property
    def movable(self) -> bool:
        return _movable(self.endpoint, self.classes)

    def profile(self) -> Mapping[str, str | int]:
        """Scheme, host, port, tls (`verify` or `none`), class; prefix where there is one; ip unless public over TLS."""
        shape: dict[str, str | int] = {
            "scheme": self.endpoint.scheme,
            "host": self.endpoint.host,
            "port": self.endpoint.port,
            "tls": "verify" if self.endpoint.tls else "none",
            "class": "+".join(sorted(self.classes)),
        }
        if self.endpoint.prefix:
            shape["prefix"] = self.endpoint.prefix
        if not self.movable:
            shape["ip"] = ",".join(sorted(self.allowed))
        return shape


@dataclass(slots=True)
class Pins:
    """The pins of all targets, by target name, endpoint and granted classes."""

    resolver: Resolver = resolve_name
    _pins: dict[tuple[str, Endpoint, tuple[AddressClass, ...]], Pin] = field(default_factory=dict)

    def get(self, endpoint: Endpoint, target: Target) -> Pin | None:
        return self._pins.get((target.name, endpoint, target.allow_addresses))

    async def resolve(self, endpoint: Endpoint, target: Target) -> Pin:
        """Resolve, check, and pin or compare with the pin.

        Raises IF_ERR_TARGET_UNREACHABLE (no such name), IF_ERR_ADDRESS_REFUSED, IF_ERR_ADDRESS_CHANGED.
        """
        found = (endpoint.host,) if endpoint.literal else await self._look_up(endpoint, target)
        classes = frozenset(_check(address, endpoint, target) for address in found)
        key = (target.name, endpoint, target.allow_addresses)
        pin = self._pins.get(key)
        if pin is None:
            pin = self._pins[key] = Pin(endpoint, frozenset(found), classes, found)
        elif pin.movable and _movable(endpoint, classes):
            pin.allowed, pin.order = frozenset(found), found
        elif strange := sorted(set(found) - pin.allowed):
            raise FabricError(
                Code.ADDRESS_CHANGED,
                f"target {target.name}: {endpoint.host} now resolves to {strange[0]}, "
                f"pinned are {', '.join(sorted(pin.allowed)[:4])}",
            )
        else:
            pin.order = found
        return pin

    def drop(self, target: str) -> None:
        """Forget what the target is held to; the next use pins anew."""
        for key in [key for key in self._pins if key[0] == target]:
            del self._pins[key]

    async def _look_up(self, endpoint: Endpoint, target: Target) -> tuple[str, ...]:
        try:
            found = tuple(await self.resolver(endpoint.host, endpoint.port))
        except OSError as error:
            raise FabricError(
                Code.TARGET_UNREACHABLE, f"target {target.name}: {endpoint.host} does not resolve ({error.strerror})"
            ) from None
        if not found:
            raise FabricError(Code.TARGET_UNREACHABLE, f"target {target.name}: {endpoint.host} has no address")
        return found


def _movable(endpoint: Endpoint, classes: frozenset[AddressClass]) -> bool:
    return endpoint.tls and classes == {AddressClass.PUBLIC}


def _check(address: str, endpoint: Endpoint, target: Target) -> AddressClass:
    kind = classify(address)
    if kind not in _FREE and kind not in target.allow_addresses:
        raise FabricError(
            Code.ADDRESS_REFUSED, f"target {target.name}: {endpoint.host} is at {address}, a {kind.value} address"
        )
    return kind
