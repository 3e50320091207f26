"""How the chassis starts processes: with no environment but what Python itself needs to run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable

__all__ = ["environment", "spawn_worker", "worker_environment"]

_TUNABLES = {"GLIBC_TUNABLES": "glibc.cpu.x86_non_temporal_threshold=0x40000"} if sys.platform == "linux" else {}
"""A guest's slot is reset by one copy of some 10 MB that nobody reads soon: written past the cache it takes two thirds
of the time. Only glibc on x86 heeds it."""

_NEEDED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


def environment() -> dict[str, str]:
    """Where shared libraries are, for a Python that is not in a system place. Nothing of the operator's."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}


def worker_environment() -> dict[str, str]:
    """`environment`, and how the C library is to copy. Fixed: it tells a worker nothing."""
    return {**environment(), **_TUNABLES}


def spawn_worker(
    component: int, *, slots: int, preload: int, memory_bytes: int
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a worker that maps the compiled component behind the descriptor `component`.

    The process, and the kernel's end of its socket. It inherits that socket's other end and the descriptor, and on
    standard input, output and error nothing.
    """
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-m", "infrafabric.kernel.chassis.worker"]
    sizes = [str(slots), str(preload), str(memory_bytes)]
    nothing = subprocess.DEVNULL
    try:
        if sys.platform == "win32":
            return _spawn_shared(command, _path_of(component), sizes, theirs), ours
        file = f"/proc/self/fd/{component}" if sys.platform == "linux" else _path_of(component)
        process = subprocess.Popen(
            [*command, str(theirs.fileno()), file, *sizes],
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            env=worker_environment(),
            cwd="/",
            pass_fds=(theirs.fileno(), component),
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def _path_of(component: int) -> str:
    """The name under which a descriptor was opened, where there is no /proc to map it by."""
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(component, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        buffer = ctypes.create_unicode_buffer(1024)
        handle = msvcrt.get_osfhandle(component)
        if not ctypes.windll.kernel32.GetFinalPathNameByHandleW(handle, buffer, 1024, 0):
            raise ctypes.WinError()
        return buffer.value
    return f"/dev/fd/{component}"


def _spawn_shared(command: list[str], file: str, sizes: list[str], theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Windows: sockets cross by WSADuplicateSocket, which needs the other's process id; so it comes on stdin."""
    share: Callable[[int], bytes] = getattr(theirs, "share")  # noqa: B009  there on Windows only
    size = len(share(os.getpid()))
    process = subprocess.Popen(
        [*command, str(size), file, *sizes],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    assert process.stdin is not None
    process.stdin.write(share(process.pid))
    process.stdin.close()
    return process
