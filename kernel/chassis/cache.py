"""Compiled components on disk. They are native code that will be run as it stands, so they belong to the kernel alone.

A file is named `KEY-MAC.cwasm`. KEY is a digest of the wasm's digest, wasmtime's version, the engine's configuration
and the CPU; MAC is HMAC-SHA256 over KEY and the file, under a key that the caller keeps. What does not match its name
is removed and made again. Nothing is ever taken from a publisher or another machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from infrafabric.kernel.chassis.process import environment
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["ComponentCache", "cpu_identity"]

KEEP = 64
"""Files that stay; the least recently used beyond that go. One is as large as 40 MB, most are far smaller."""
COMPILE_TIMEOUT_S = 300.0
COMPILE_CPU_S = 120
"""Of all cores together, for a publisher's component; one of JavaScript takes 2 to 4 s of it. The component of python/1
is the project's own, takes 5 to 15 s, and may take ten times as much as a publisher's."""
_IMPORTS, _INVALID = 3, 4  # exit codes of compiler.py, which cannot be imported here without wasmtime
_EXHAUSTED = frozenset(-getattr(signal, name) for name in ("SIGXCPU", "SIGABRT") if hasattr(signal, name))
_CHUNK = 1 << 20


def cpu_identity() -> str:
    """What native code may have been made for: architecture, and its features where the system tells them."""
    features = ""
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as file:
        features = next((line for line in file if line.startswith(("flags", "Features"))), "")
    return f"{sys.platform} {platform.machine()} {' '.join(sorted(features.split()))}"


class ComponentCache:
    """`folder` is made where it is missing and closed to others. `mac_key` is at least 16 bytes."""

    def __init__(self, folder: Path, mac_key: bytes) -> None:
        if len(mac_key) < 16:
            raise ValueError("the cache's MAC key must have at least 16 bytes")
        self._folder, self._mac_key = folder, mac_key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def open(self, wasm: bytes, wasm_sha256: str, runtime: str = "component/1") -> int:
        """A descriptor of the compiled form of `wasm`, verified; compiled first where it is missing.

        Raises IF_ERR_SANDBOX_IMPORTS, IF_ERR_ENTRYPOINT_INVALID, IF_ERR_SANDBOX_UNAVAILABLE.
        """
        key = await asyncio.to_thread(self._key, wasm_sha256, runtime)
        found = await asyncio.to_thread(self._find, key)
        if found is not None:
            return found
        return await asyncio.to_thread(self._store, key, await _compile(wasm, runtime))

    def holds(self, wasm_sha256: str, runtime: str = "component/1") -> bool:
        """Whether there is a file to try, so that a caller may say that compiling will take a while."""
        return any(self._folder.glob(f"{self._key(wasm_sha256, runtime)}-*.cwasm"))

    def _key(self, wasm_sha256: str, runtime: str = "component/1") -> str:
        # The engine's source is its configuration; to import it would load wasmtime into the kernel.
        engine = Path(__file__).with_name("engine.py").read_bytes()
        parts = {
            "wasm": wasm_sha256,
            "runtime": runtime,
            "wasmtime": importlib.metadata.version("wasmtime"),
            "engine": hashlib.sha256(engine).hexdigest(),
            "cpu": cpu_identity(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def _find(self, key: str) -> int | None:
        for path in self._folder.glob(f"{key}-*.cwasm"):
            if path.is_symlink():
                path.unlink()
                continue
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0))
            mac = hmac.new(self._mac_key, key.encode(), hashlib.sha256)
            while chunk := os.read(descriptor, _CHUNK):
                mac.update(chunk)
            if hmac.compare_digest(path.name, f"{key}-{mac.hexdigest()}.cwasm"):
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.utime(path)
                return descriptor
            os.close(descriptor)
            path.unlink()
        return None

    def _store(self, key: str, native: bytes) -> int:
        mac = hmac.new(self._mac_key, key.encode() + native, hashlib.sha256).hexdigest()
        number, name = tempfile.mkstemp(dir=self._folder, suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(native)
            # Never written in place: a mapped file that changes is a SIGBUS of every worker.
            final = self._folder / f"{key}-{mac}.cwasm"
            temporary.replace(final)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise FabricError(
                Code.SANDBOX_UNAVAILABLE, f"the compiled component cannot be kept in {self._folder}: {error.strerror}"
            ) from None
        self._prune()
        return os.open(final, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def _prune(self) -> None:
        files = sorted(self._folder.glob("*.cwasm"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[KEEP:]:
            path.unlink(missing_ok=True)


async def _compile(wasm: bytes, runtime: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "infrafabric.kernel.chassis.compiler",
        runtime,
        str(COMPILE_CPU_S * (10 if runtime == "python/1" else 1)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        async with asyncio.timeout(COMPILE_TIMEOUT_S):
            native, reason = await process.communicate(wasm)
    except TimeoutError:
        raise FabricError(Code.SANDBOX_UNAVAILABLE, "compiling the component took too long") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = " ".join(reason.decode(errors="replace").split())[-300:]
    if process.returncode == _IMPORTS:
        raise FabricError(Code.SANDBOX_IMPORTS, f"the component may not be run: {said}")
    if process.returncode == _INVALID:
        raise FabricError(Code.ENTRYPOINT_INVALID, f"the component cannot be run: {said}")
    if process.returncode in _EXHAUSTED:
        raise FabricError(
            Code.ENTRYPOINT_INVALID,
            f"the component cannot be compiled in {COMPILE_CPU_S} s of CPU time and the memory that there is for it",
        )
    if process.returncode != 0 or not native:
        raise FabricError(
            Code.SANDBOX_UNAVAILABLE, f"the component's compiler ended with {process.returncode}: {said or 'silently'}"
        )
    return native
