"""Under which host names the kernel may be called. A page that resolves a name of its own to this machine (DNS
rebinding) sends that name, and is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["LOOPBACK", "Hosts"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ANY = frozenset({"0.0.0.0", "[::]"})  # noqa: S104 - addresses that mean all of the machine's are nobody's name
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([0-9]{1,5}))?")


class Hosts:
    """Loopback's names, the address that is listened on, and those of `[serve] names`."""

    def __init__(self, names: Iterable[str], listening: str = "127.0.0.1") -> None:
        """A name with a port counts with that port alone; one without counts with any."""
        address = f"[{listening}]" if ":" in listening else listening
        self._names = LOOPBACK | frozenset(names) | ({address} - _ANY)
        self._known: set[str] = set()

    def check(self, host: str) -> None:
        """`host` as the Host header has it. Raises IF_ERR_HOST_UNKNOWN."""
        if host in self._known:
            return
        match = _HOST.fullmatch(host.lower())
        if match is None or not ({match[1], match[0]} & self._names):
            raise FabricError(Code.HOST_UNKNOWN, f"this kernel is not called {host[:100]!r}")
        if len(self._known) < 64:
            self._known.add(host)
