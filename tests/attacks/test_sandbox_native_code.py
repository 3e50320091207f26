"""Code broke out of WebAssembly and runs natively in a worker: files, sockets, programs, other processes are all gone.

The attack runs in a process under the very confinement that workers apply, with the calls made past Python by ctypes.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sandbox import plan

from infrafabric.kernel.chassis import Chassis

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no such confinement elsewhere")

ATTACKER = r"""
import ctypes, errno, json, os, sys, threading
from infrafabric.kernel.chassis.confine import confine

threads = "threads" in sys.argv
libc = ctypes.CDLL(None, use_errno=True)
path, address = b"/etc/passwd", (ctypes.c_char * 16)(2, 0, 0, 80, 127, 0, 0, 1)
argv = (ctypes.c_char_p * 2)(b"/bin/true", None)
buffer = ctypes.create_string_buffer(64)
inherited = os.open("/", os.O_RDONLY)
parent, number = os.getppid(), json.loads(sys.argv[1])

def call(name, *arguments):
    # What has a wrapper in libc is called by it, the rest by number.
    ctypes.set_errno(0)
    if name in number:
        result = libc.syscall(ctypes.c_long(number[name]), *arguments)
    else:
        result = getattr(libc, name)(*arguments)
    if result == 0 and name in ("fork", "vfork", "clone"):
        os._exit(0)
    return "it worked" if result >= 0 else errno.errorcode[ctypes.get_errno()]

ATTACKS = {
    "open": (path, 0), "creat": (b"/tmp/x", 0o600), "openat": (inherited, b"etc/passwd", 0),
    "openat2": (-100, path, buffer, 24),
    "name_to_handle_at": (-100, path, buffer, buffer, 0), "open_by_handle_at": (inherited, buffer, 0),
    "access": (path, 0),
    "unlink": (b"/tmp/x",), "rename": (b"/tmp/x", b"/tmp/y"), "mkdir": (b"/tmp/d", 0o700), "rmdir": (b"/tmp/d",),
    "link": (path, b"/tmp/l"),
    "symlink": (path, b"/tmp/l"), "chmod": (path, 0o777), "truncate": (b"/tmp/x", 0),
    "chdir": (b"/",), "chroot": (b"/",),
    "mount": (b"none", b"/mnt", b"tmpfs", 0, None), "umount2": (b"/", 0),
    "getdents64": (inherited, buffer, 64),
    "readlink": (b"/proc/self/exe", buffer, 64), "memfd_create": (b"x", 0),
    "socket": (2, 1, 0), "socketpair": (1, 1, 0, buffer), "connect": (0, address, 16), "bind": (0, address, 16),
    "listen": (0, 1), "accept": (0, None, None), "sendto": (0, path, 1, 0, address, 16), "sendmsg": (0, buffer, 0),
    "recvmsg": (0, buffer, 0), "io_uring_setup": (1, buffer),
    "execve": (b"/bin/true", argv, None), "execveat": (-100, b"/bin/true", argv, None, 0), "fork": (), "vfork": (),
    "clone": (17, 0, 0, 0, 0), "kill": (parent, 0), "tgkill": (parent, parent, 0), "pidfd_open": (parent, 0),
    "pidfd_getfd": (0, 0, 0), "ptrace": (16, parent, 0, 0), "process_vm_readv": (parent, buffer, 1, buffer, 1, 0),
    "process_vm_writev": (parent, buffer, 1, buffer, 1, 0), "kcmp": (parent, parent, 0, 0, 0),
    "bpf": (0, buffer, 64), "perf_event_open": (buffer, 0, -1, -1, 0), "userfaultfd": (0,), "keyctl": (0, 0),
    "add_key": (b"user", b"x", b"y", 1, -2), "setns": (inherited, 0), "unshare": (0x20000000,),
    "seccomp": (1, 0, buffer),
    "personality": (0,), "setuid": (0,), "capset": (buffer, buffer), "reboot": (0,), "init_module": (buffer, 1, b""),
    "ioctl": (0, 0x5412, buffer), "dup2": (0, 1), "fcntl": (0, 0, 5), "prlimit64": (0, 7, buffer, None),
    "shmget": (1, 64, 0o1600),
}
ATTACKS = {name: arguments for name, arguments in ATTACKS.items() if hasattr(libc, name) or name in number}
ready, go, over, answers = threading.Event(), threading.Event(), threading.Event(), {}

def elsewhere():
    ready.set(); go.wait()
    for name in ("open", "socket", "fork"):
        answers["another thread's " + name] = call(name, *ATTACKS[name])
    over.set()

threading.Thread(target=elsewhere, daemon=True).start()
ready.wait()
given_up = confine(threads=threads)
for name, arguments in ATTACKS.items():
    answers[name] = call(name, *arguments)
go.set(); over.wait()
os.write(1, json.dumps({"applied": given_up.applied, "missing": given_up.missing, "answers": answers}).encode())
os._exit(0)
"""

NUMBERS = {
    "x86_64": {
        "open": 2, "creat": 85, "openat": 257, "openat2": 437, "name_to_handle_at": 303, "open_by_handle_at": 304,
        "getdents64": 217, "memfd_create": 319, "io_uring_setup": 425, "execve": 59, "execveat": 322, "fork": 57,
        "vfork": 58, "clone": 56, "tgkill": 234, "pidfd_open": 434, "pidfd_getfd": 438, "kcmp": 312, "bpf": 321,
        "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250, "add_key": 248, "seccomp": 317, "setuid": 105,
        "capset": 126, "reboot": 169, "init_module": 175, "ptrace": 101, "prlimit64": 302, "socket": 41,
        "access": 21, "mount": 165, "fcntl": 72,
    },
    "aarch64": {
        "openat": 56, "openat2": 437, "name_to_handle_at": 264, "open_by_handle_at": 265, "getdents64": 61,
        "memfd_create": 279, "io_uring_setup": 425, "execve": 221, "execveat": 281, "clone": 220, "tgkill": 131,
        "pidfd_open": 434, "pidfd_getfd": 438, "kcmp": 272, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282,
        "keyctl": 219, "add_key": 217, "seccomp": 277, "setuid": 146, "capset": 91, "reboot": 142, "init_module": 105,
        "ptrace": 117, "prlimit64": 261, "socket": 198, "mount": 40, "fcntl": 25,
    },
}  # fmt: skip


def attack(*options: str) -> dict[str, Any]:
    result = subprocess.run(
        [sys.executable, "-I", "-c", ATTACKER, json.dumps(NUMBERS[platform.machine()]), *options],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_every_call_that_reaches_out_is_refused() -> None:
    report = attack()
    assert "seccomp" in report["applied"], report["missing"]
    assert {name: said for name, said in report["answers"].items() if said != "EPERM"} == {}
    assert len(report["answers"]) > 55


def test_the_compiler_may_make_threads_and_nothing_else() -> None:
    report = attack("threads")
    assert {name: said for name, said in report["answers"].items() if said != "EPERM"} == {}


async def test_real_workers_are_confined_and_inherit_nothing(sandbox: Chassis) -> None:
    await plan(sandbox, "return Plan()")
    links = [*sandbox._pool._spares, *(worker.link for worker in sandbox._pool._workers)]
    assert links
    for link in links:
        process = Path("/proc") / str(link.pid)
        tasks = list((process / "task").iterdir())
        assert len(tasks) == 2
        for task in tasks:
            status = (task / "status").read_text()
            assert "Seccomp:\t2\n" in status
            assert "NoNewPrivs:\t1\n" in status
        if os.geteuid() == 0:  # others may not look into a process that is not dumpable
            opened = [str(one.readlink()) for one in (process / "fd").iterdir()]
            native = [name for name in opened if name.endswith(".cwasm")]  # guests' memory is mapped from it
            assert len(native) == 1
            assert {name.partition(":")[0] for name in opened} == {"/dev/null", "socket", *native}
            assert sum(name.startswith("socket:") for name in opened) == 1
            items = dict(item.split(b"=", 1) for item in (process / "environ").read_bytes().split(b"\0") if item)
            assert items.keys() <= {b"LD_LIBRARY_PATH", b"LC_CTYPE", b"GLIBC_TUNABLES"}
            assert items[b"GLIBC_TUNABLES"] == b"glibc.cpu.x86_non_temporal_threshold=0x40000"
