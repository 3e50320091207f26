"""Where the kernel listens: on loopback, or with TLS."""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from infrafabric.control.door_settings import ServeSettings
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Address", "address_of", "listen", "tls_of"]

LOCALHOST = ("127.0.0.1", "::1")
"""What `localhost` may stand for in a browser."""
TRIES = 8
"""How often another port is chosen, where any will do."""
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and whether only this machine can reach it."""

    host: str
    port: int
    loopback: bool
    found: tuple[str, ...]
    """IP addresses that the host stands for."""
    tls: bool = False
    beside: tuple[str, ...] = ()
    """IP addresses of this machine to listen on as well, if it has them: links to the console say `localhost`, and at
    none of the addresses that this may stand for shall anybody else be."""

    def url(self, port: int) -> str:
        """The address as a URL, with the port that was taken."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{port}"

    def console_host(self, port: int) -> str:
        """The same by name where that is possible: a passkey is bound to a name, and an address is none."""
        return f"{'https' if self.tls else 'http'}://localhost:{port}" if self.loopback else self.url(port)


def address_of(serve: ServeSettings, *, development: bool) -> Address:
    """What the settings ask for. Raises IF_ERR_TLS_REQUIRED, IF_ERR_PRODUCTION_ONLY beyond loopback, IF_ERR_PORT_TAKEN
    for a name that stands for no address, IF_ERR_SETTINGS_INVALID where half of TLS is set."""
    if bool(serve.tls_certificate) != bool(serve.tls_key):
        raise FabricError(Code.SETTINGS_INVALID, "serve: tls_certificate and tls_key go together")
    tls = bool(serve.tls_certificate)
    try:
        rows = socket.getaddrinfo(serve.host, serve.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise FabricError(Code.PORT_TAKEN, f"{serve.host} is no address here: {error.strerror or error}") from None
    found = tuple(dict.fromkeys(str(row[4][0]) for row in rows))
    loopback = all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found)
    if not loopback and development:
        raise FabricError(
            Code.PRODUCTION_ONLY,
            f"a development home is served on loopback only, not on {serve.host}: its keys lie unprotected",
        )
    if not loopback and not tls:
        raise FabricError(Code.TLS_REQUIRED, f"{serve.host} can be reached from beyond this machine")
    beside = tuple(one for one in LOCALHOST if one not in found) if loopback else ()
    return Address(serve.host, serve.port, loopback, found, tls, beside)


def listen(address: Address) -> list[socket.socket]:
    """A socket for each IP address, all on one port, those beside last; nobody is let in before the server listens.
    Raises IF_ERR_PORT_TAKEN, also where another process has the port of an address beside."""
    tries = 1 if address.port else TRIES
    while True:
        tries -= 1
        made: list[socket.socket] = []
        port, where = address.port, address.host
        try:
            for where in (*address.found, *address.beside):
                try:
                    made.append(_bound(where, port))
                except OSError as error:
                    if where in address.found or error.errno not in _NOT_HERE:
                        raise
                port = made[0].getsockname()[1]
        except OSError as error:
            close(made)
            if not (tries and where in address.beside and error.errno == errno.EADDRINUSE):
                why = error.strerror or str(error)
                raise FabricError(Code.PORT_TAKEN, f"{where} port {port} cannot be had: {why}") from None
        else:
            return made


def _bound(found: str, port: int) -> socket.socket:
    """A socket that is bound to an IP address and listens not yet. Raises OSError."""
    family = socket.AF_INET6 if ":" in found else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let another process take the same port
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((found, port))
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def close(sockets: Sequence[socket.socket]) -> None:
    for one in sockets:
        one.close()


def tls_of(serve: ServeSettings) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with the certificate of the settings; None where they name none. Raises
    IF_ERR_SETTINGS_INVALID."""
    if not serve.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(serve.tls_certificate, serve.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise FabricError(
            Code.SETTINGS_INVALID, f"serve.tls_certificate and tls_key cannot be used: {error.strerror or error}"
        ) from None
    return context
