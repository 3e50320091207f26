"""What a worker gives up before it runs a guest, so that code which broke out of WebAssembly finds nothing to use.

Linux: no new privileges, no core dumps, no ptrace by equals, an empty network namespace where permitted, Landlock
without any path, and a seccomp filter that allows what memory, clocks, threads in being and the one open socket need
and answers everything else with EPERM. Elsewhere there is WebAssembly alone, and the missing parts are named.

The filter is written here in BPF rather than through libseccomp, which many machines do not carry.
Sources: seccomp(2), landlock(7), prctl(2), linux/filter.h, the kernel's syscall tables.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from dataclasses import dataclass, field

__all__ = ["ALLOWED", "Confined", "confine"]

ALLOWED: dict[str, tuple[int, int]] = {
    # name: (x86-64, aarch64); -1 where the architecture has no such call
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "poll": (7, -1),
    "ppoll": (271, 73),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "membarrier": (324, 283),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "gettid": (186, 178),
    "getpid": (39, 172),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "getrandom": (318, 278),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
"""Calls that stay. None of them names a file, a process or an address."""

TGKILL = (234, 131)
"""Allowed towards the process itself: abort(3) needs it."""
CLONE = (56, 220)
CLONE3 = (435, 435)
THREADS = {"sched_getaffinity": (204, 123), "set_tid_address": (218, 96), "prctl": (157, 167)}
"""What the compiler's own threads need beside clone."""

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column above, and AUDIT_ARCH."""
_SECCOMP, _LANDLOCK = {"x86_64": 317, "aarch64": 277}, (444, 445, 446)

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_THREAD = 0x10000000, 0x40000000, 0x10000
_KILL_PROCESS, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LD_W_ABS, _JEQ, _JSET, _RET = 0x20, 0x15, 0x45, 0x06


@dataclass(frozen=True, slots=True)
class Confined:
    """What was given up, and what could not be."""

    applied: tuple[str, ...] = field(default=())
    missing: tuple[str, ...] = field(default=())


def confine(*, threads: bool = False, output: bool = False) -> Confined:
    """Give up what can be given up, for every thread of this process and for good. Never raises: see `missing`.

    `threads` leaves the making of threads (not processes), `output` the growth of files that are open already.
    """
    if sys.platform != "linux":
        return Confined(missing=(f"confinement beyond WebAssembly: none on {sys.platform}",))
    applied, missing = [], []
    libc = ctypes.CDLL(None, use_errno=True)
    for name, step in (
        ("no new privileges", lambda: _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))),
        ("not dumpable", lambda: _check(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))),
        ("resource limits", lambda: _limit(threads, output)),
        ("empty network namespace", lambda: _leave_network(libc)),
        ("landlock", lambda: _landlock(libc)),
        ("seccomp", lambda: _seccomp(libc, threads)),
    ):
        try:
            step()
        except OSError as error:
            missing.append(f"{name}: {error.strerror or error}")
        else:
            applied.append(name)
    return Confined(tuple(applied), tuple(missing))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _limit(threads: bool, output: bool) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    if not output:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if not threads:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _leave_network(libc: ctypes.CDLL) -> None:
    try:
        _check(libc.unshare(_CLONE_NEWNET))
    except PermissionError:
        _check(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET))


def _landlock(libc: ctypes.CDLL) -> None:
    """Handle every kind of access that this kernel's Landlock knows, and allow none."""
    create, _, restrict = _LANDLOCK
    abi = _check(libc.syscall(create, None, 0, 1))
    files = (1 << 13) - 1
    for version, bit in ((2, 13), (3, 14), (5, 15)):
        if abi >= version:
            files |= 1 << bit
    attributes = struct.pack("=QQQ", files, 3, 3)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _check(libc.syscall(create, attributes, len(attributes), 0))
    try:
        _check(libc.syscall(restrict, ruleset, 0))
    finally:
        os.close(ruleset)


def _seccomp(libc: ctypes.CDLL, threads: bool) -> None:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no filter for {machine}")
    program = _filter(machine, threads, os.getpid())
    buffer = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    set_mode_filter, tsync = 1, 1
    result = _check(libc.syscall(_SECCOMP[machine], set_mode_filter, tsync, fprog))
    if result:
        raise OSError(errno.EAGAIN, f"thread {result} could not be brought under the filter")


def _filter(machine: str, threads: bool, pid: int) -> bytes:
    """The BPF program: allow by number, kill what comes by another architecture's calls, refuse the rest with EPERM."""
    column, audit = _ARCHITECTURES[machine]
    refuse, allow = _ERRNO | errno.EPERM, _ALLOW
    numbers = [
        pair[column] for pair in (*ALLOWED.values(), *(THREADS.values() if threads else ())) if pair[column] >= 0
    ]
    code: list[tuple[int, int, int, int]] = [
        (_LD_W_ABS, 0, 0, 4),
        (_JEQ, 1, 0, audit),
        (_RET, 0, 0, _KILL_PROCESS),
        (_LD_W_ABS, 0, 0, 0),
    ]
    for number in numbers:
        code += [(_JEQ, 0, 1, number), (_RET, 0, 0, allow)]
    code += [
        (_JEQ, 0, 4, TGKILL[column]),
        (_LD_W_ABS, 0, 0, 16),  # low word of the first argument
        (_JEQ, 0, 1, pid),
        (_RET, 0, 0, allow),
        (_RET, 0, 0, refuse),
    ]
    if threads:
        code += [
            # clone3 hides its flags in memory; ENOSYS makes libc use clone.
            (_JEQ, 0, 1, CLONE3[column]),
            (_RET, 0, 0, _ERRNO | errno.ENOSYS),
            (_JEQ, 0, 4, CLONE[column]),
            (_LD_W_ABS, 0, 0, 16),
            (_JSET, 0, 1, _CLONE_THREAD),
            (_RET, 0, 0, allow),
            (_RET, 0, 0, refuse),
        ]
    code.append((_RET, 0, 0, refuse))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
