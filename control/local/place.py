"""Where the local door is: HOME/kernel.sock, a socket that only the kernel's own user can reach.

A socket's path has room for about 100 bytes (unix(7), sun_path). One that is longer is reached through a descriptor of
its folder where the system can do that (Linux, /proc/self/fd); elsewhere such a home has no local door.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["NAME", "bind", "connect", "is_own", "is_served", "unbind"]

NAME = "kernel.sock"
MAX_PATH_BYTES = 100
BACKLOG = 128
CONNECT_S = 5.0
"""How long a kernel may take to let a caller in."""


def bind(home: Path) -> socket.socket | None:
    """The home's door, listening; None where this system, or so long a path, has none.

    The caller holds the home's lock. What a killed kernel left there is replaced: the lock says that it is dead.
    Raises IF_ERR_PORT_TAKEN where something else has the name.
    """
    if not hasattr(socket, "AF_UNIX"):
        return None
    path = home / NAME
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        unbind(home)
        with _within(home) as near:
            if near is None:
                door.close()
                return None
            door.bind(near)
            Path(near).chmod(0o600)  # before anybody can connect
        door.listen(BACKLOG)
    except OSError as error:
        door.close()
        raise FabricError(Code.PORT_TAKEN, f"{path} cannot be had: {error.strerror or error}") from None
    door.setblocking(False)
    return door


def unbind(home: Path) -> None:
    """Remove the home's door. Whatever else has its name stays."""
    path = home / NAME
    try:
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    except FileNotFoundError:
        pass


def connect(home: Path) -> socket.socket | None:
    """A connection to the kernel that has the home open; None where none answers."""
    if not hasattr(socket, "AF_UNIX") or not (home / NAME).exists():
        return None
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    found.settimeout(CONNECT_S)
    try:
        with _within(home) as near:
            if near is None:
                found.close()
                return None
            found.connect(near)
    except OSError:  # nobody listens, or may not be spoken to: the home's lock says what is so
        found.close()
        return None
    if not is_own(found):
        found.close()
        return None
    found.setblocking(False)
    return found


def is_served(home: Path) -> bool:
    """Whether a kernel answers at the home's door."""
    connection = connect(home)
    if connection is None:
        return False
    connection.close()
    return True


def is_own(connection: socket.socket) -> bool:
    """Whether the other end is a process of the user whom this process runs as.

    Where the system does not say (no SO_PEERCRED), the modes of socket and home are what keeps others out.
    """
    if sys.platform != "linux":
        return True
    _, user, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return bool(user == os.geteuid())


@contextmanager
def _within(home: Path) -> Iterator[str | None]:
    """A path to the door that is short enough, as long as it is open."""
    path = str(home / NAME)
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        yield path
        return
    if not Path("/proc/self/fd").is_dir():
        yield None
        return
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)
