"""A manifest's `base`, filled in from a target's settings: where requests go. Pure.

`{SETTING}` places may stand in the host, as the port, and in segments of the path prefix. A setting fills its place
and nothing else: whatever would alter scheme, userinfo, host, path or query is IF_ERR_TARGET_SETTINGS.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.encoding import Misplaced, is_dotted, path_piece

__all__ = ["Base", "Endpoint", "compile_base"]

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "obs": 4455, "obss": 443}
"""The port of a scheme that has one of its own: http and ws (RFC 9110, RFC 6455), obs (obs-websocket 5)."""
_TLS = frozenset({"https", "wss", "tls", "obss"})
_BASE = re.compile(
    r"(?P<scheme>[a-z]{2,10})://(?P<host>\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9.-]|\{[A-Z][A-Z0-9_]*\})+)"
    r"(?::(?P<port>\d{1,5}|\{[A-Z][A-Z0-9_]*\}))?(?P<prefix>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|\{[A-Z][A-Z0-9_]*\})+)*)/?",
    re.ASCII,
)
_PLACE = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC_LABEL = re.compile(r"\d+|0x[0-9a-f]*")
"""A host whose last label is one is read as an IPv4 address by lenient resolvers (`127.1`, `0x7f000001`)."""
_PORT = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a target is. `host` is a lower-case name, or an IP literal without brackets."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    """Path before every effect's own, without a slash at its end."""

    @property
    def tls(self) -> bool:
        return self.scheme in _TLS

    @property
    def literal(self) -> bool:
        """Whether the host is an IP address, which needs no resolving."""
        return ":" in self.host or _NUMERIC_LABEL.fullmatch(self.host.rpartition(".")[2]) is not None

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}"


@dataclass(frozen=True, slots=True)
class Base:
    """A base with its places."""

    scheme: str
    host: str
    port: str
    prefix: tuple[str, ...]

    @property
    def settings(self) -> frozenset[str]:
        """Names of the settings that it takes."""
        return frozenset(name for part in (self.host, self.port, *self.prefix) for name in _PLACE.findall(part))

    def fill(self, target: str, settings: Mapping[str, str]) -> Endpoint:
        """The endpoint. Raises IF_ERR_TARGET_SETTINGS naming the target and the setting."""
        return _filled(self, target, tuple(settings.items()))


@lru_cache(maxsize=1024)  # every effect asks again, and settings change by an operator's hand
def _filled(base: Base, target: str, given: tuple[tuple[str, str], ...]) -> Endpoint:
    settings = dict(given)
    host = _host(base.host, target, settings)
    return Endpoint(base.scheme, host, _port(base, target, settings), _prefix(base.prefix, target, settings))


def compile_base(base: str, schemes: tuple[str, ...] = ("http", "https")) -> Base:
    """Raises IF_ERR_MANIFEST_INVALID for what is no base of one of these schemes."""
    match = _BASE.fullmatch(base)
    if match is None or match["scheme"] not in schemes:
        raise FabricError(
            Code.MANIFEST_INVALID,
            f"base {base[:100]!r} is not {'|'.join(schemes)}://HOST[:PORT][/PREFIX] with {{SETTING}} places",
        )
    if not match["port"] and match["scheme"] not in _PORTS:
        raise FabricError(Code.MANIFEST_INVALID, f"base {base[:100]!r} names no port, and {match['scheme']} has none")
    prefix = tuple(match["prefix"].split("/")[1:])
    if any(_PLACE.search(segment) is None and is_dotted(segment) for segment in prefix):
        raise FabricError(Code.MANIFEST_INVALID, "base has a dot segment")
    compiled = Base(match["scheme"], match["host"], match["port"] or "", prefix)
    if not _PLACE.search(base):
        try:
            compiled.fill("any", {})
        except FabricError as error:
            raise FabricError(Code.MANIFEST_INVALID, f"base {base[:100]!r}: {error.message}") from None
    return compiled


def _host(template: str, target: str, settings: Mapping[str, str]) -> str:
    names = _PLACE.findall(template)
    text = _PLACE.sub(lambda place: _setting(place[1], target, settings), template).lower()
    whole = _PLACE.fullmatch(template) is not None or not names
    bare = text[1:-1] if whole and text.startswith("[") and text.endswith("]") else text
    if whole and "%" not in bare:
        try:
            return str(ipaddress.ip_address(bare))
        except ValueError:
            pass
    labels = text.split(".")
    if len(text) > 253 or not all(map(_LABEL.fullmatch, labels)) or _NUMERIC_LABEL.fullmatch(labels[-1]):
        said = f"the setting {' and '.join(names)}" if names else "the base"
        raise _refused(target, f"{said} does not give a host name or IP address (names outside ASCII as xn--…)")
    return text


def _port(base: Base, target: str, settings: Mapping[str, str]) -> int:
    if not base.port:
        return _PORTS[base.scheme]  # compile_base saw to it that there is one
    place = _PLACE.fullmatch(base.port)
    text = _setting(place[1], target, settings) if place else base.port
    if _PORT.fullmatch(text) is None or int(text) > 65_535:
        raise _refused(target, f"the setting {place[1] if place else 'base'} is not a port number from 1 to 65535")
    return int(text)


def _prefix(segments: tuple[str, ...], target: str, settings: Mapping[str, str]) -> str:
    prefix = ""
    for segment in segments:
        names = _PLACE.findall(segment)
        try:
            text = _PLACE.sub(lambda place: path_piece(_setting(place[1], target, settings)), segment)
        except Misplaced as error:
            raise _refused(target, f"the setting {' or '.join(names)} {error}") from None
        if is_dotted(text):
            raise _refused(target, f"the setting {' or '.join(names)} would lead to another path")
        prefix += "/" + text
    return prefix


def _setting(name: str, target: str, settings: Mapping[str, str]) -> str:
    if name not in settings:
        raise _refused(target, f"the setting {name} is missing")
    return settings[name]


def _refused(target: str, why: str) -> FabricError:
    return FabricError(Code.TARGET_SETTINGS, f"target {target}: {why}")
