"""The public face of the sandbox: load a program, run it, replay what was recorded."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.chassis.cache import ComponentCache
from infrafabric.kernel.chassis.drive import BY_CHANCE, Drive, Loaded, Perform, cut_off
from infrafabric.kernel.chassis.kept import KeptComponents
from infrafabric.kernel.chassis.link import WorkerGone
from infrafabric.kernel.chassis.memories import count_memories
from infrafabric.kernel.chassis.pool import Load, Pool, PoolLimits
from infrafabric.kernel.chassis.program import ChassisSettings, Op, Program, Run, RunLimits
from infrafabric.kernel.chassis.steps import failure, fault
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import GuestRun

__all__ = ["Chassis"]

PYTHON, COMPONENT = "python/1", "component/1"


class Chassis:
    """Runs adapters in confined worker processes. Made by `start`, ended by `close` or as an async context."""

    def __init__(self, settings: ChassisSettings, cache: ComponentCache, pool: Pool, runtime_digest: str) -> None:
        self._settings, self._cache, self._pool = settings, cache, pool
        self.runtime_digest = runtime_digest
        """`sha256:…` of the component of python/1."""
        self.confinement: tuple[str, ...] = ()
        """What workers gave up before they ran anything."""
        self.weaknesses: tuple[str, ...] = ()
        """What they could not give up, and why; empty on a Linux that permits all of it."""
        self._loaded: dict[str, Loaded] = {}
        self._loading: dict[str, asyncio.Task[Loaded]] = {}
        self._runs = itertools.count(1)
        self._closed = False

    @classmethod
    async def start(cls, settings: ChassisSettings, *, progress: Callable[[str], None] | None = None) -> Chassis:
        """Ready to load programs. Compiles the component first where the cache lacks it (seconds: `progress` is told).

        Raises IF_ERR_SANDBOX_UNAVAILABLE.
        """
        try:
            wasm = await asyncio.to_thread(settings.component.read_bytes)
            cache = ComponentCache(settings.cache, settings.mac_key)
        except OSError as error:
            raise FabricError(
                Code.SANDBOX_UNAVAILABLE, f"{Path(error.filename or settings.component).name}: {error.strerror}"
            ) from None
        digest = await asyncio.to_thread(lambda: hashlib.sha256(wasm).hexdigest())
        if progress is not None and not cache.holds(digest, PYTHON):
            progress("compiling the sandbox component (once)")
        component = await cache.open(wasm, digest, PYTHON)
        unkept: tuple[str, ...] = ()
        if settings.kept is not None:
            kept = KeptComponents(settings.kept, settings.kept_most)
            try:
                await asyncio.to_thread(kept.keep, settings.component, wasm, f"sha256:{digest}")
            except OSError as error:
                unkept = (f"the component could not be kept for replays: {error.strerror}",)
        limits = PoolLimits(
            workers=max(1, settings.workers),
            workers_each=max(1, settings.workers_each),
            spares=settings.spares,
            seats=settings.seats,
            preload=settings.preload,
            memory_bytes=settings.limits.memory_bytes,
            evict_after_s=settings.evict_after_s,
            recycle_after=settings.recycle_after,
        )
        pool = Pool(component, limits)
        chassis = cls(settings, cache, pool, f"sha256:{digest}")
        try:
            first = await pool.open()
        except BaseException:
            await pool.close()
            raise
        chassis.confinement, chassis.weaknesses = first.confined, (*first.missing, *unkept)
        if sys.platform == "linux" and "seccomp" not in first.confined and not settings.allow_unconfined:
            await pool.close()
            raise FabricError(
                Code.SANDBOX_UNAVAILABLE, "workers cannot be confined here: " + "; ".join(first.missing)[:300]
            )
        return chassis

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that live now."""
        return self._pool.pids

    @property
    def standing(self) -> Load:
        """How many workers, guests and waiting runs there are now."""
        return self._pool.load

    @property
    def closed(self) -> bool:
        return self._closed

    async def __aenter__(self) -> Chassis:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- programs ---------------------------------------------------------------------------------------------------

    async def load(self, program: Program) -> None:
        """Compile a program and try to load it in a guest of its publisher's. Once it is loaded this does nothing.

        Raises IF_ERR_RUNTIME_UNKNOWN, IF_ERR_ENTRYPOINT_INVALID, IF_ERR_SANDBOX_IMPORTS, the sandbox's refusals of
        code that runs as it is loaded (IF_ERR_SANDBOX_CPU, …), IF_ERR_SANDBOX_UNAVAILABLE.
        """
        await self._load(program)

    async def _load(self, program: Program) -> Loaded:
        if self._closed:
            raise FabricError(Code.SANDBOX_UNAVAILABLE, "the sandbox was closed")
        key = program.adapter
        loaded = self._loaded.get(key)
        if loaded is None:
            task = self._loading.get(key)
            if task is None:
                task = self._loading[key] = asyncio.ensure_future(self._make(program))
                task.add_done_callback(
                    lambda done: (self._loading.pop(key, None), done.cancelled() or done.exception())
                )
            loaded = await asyncio.shield(task)
        if loaded.program.publisher != program.publisher or loaded.program.runtime != program.runtime:
            raise FabricError(Code.INTERNAL, f"{key} is loaded for another publisher or runtime")
        return loaded

    async def _make(self, program: Program) -> Loaded:
        filename = program.entrypoint.partition(":")[0]
        if program.runtime not in (PYTHON, COMPONENT):
            raise FabricError(Code.RUNTIME_UNKNOWN, f"there is no runtime {program.runtime!r}")
        if filename not in program.files:
            raise FabricError(Code.ENTRYPOINT_INVALID, f"the entrypoint's file {filename!r} is not in the bundle")
        for _ in range(3):
            try:
                if program.runtime == PYTHON:
                    loaded = Loaded(program, await self._bytecode(program), self.runtime_digest)
                else:
                    loaded = await self._native(program, program.files[filename])
                await self._try(loaded)
            except WorkerGone:
                continue
            self._loaded[program.adapter] = loaded
            return loaded
        raise FabricError(Code.SANDBOX_CRASHED, f"sandbox workers died while they loaded {program.entrypoint}")

    async def _bytecode(self, program: Program) -> bytes:
        try:
            files = {name: data.decode() for name, data in program.files.items() if name.endswith(".py")}
        except UnicodeDecodeError:
            raise FabricError(Code.ENTRYPOINT_INVALID, "a file of the bundle is not UTF-8") from None
        run = self._name()
        seat = await self._pool.seat(program.publisher, run)
        try:
            reply = await seat.worker.link.request(
                {"do": "compile", "files": files, "entrypoint": program.entrypoint, "run": run}
            )
        finally:
            self._pool.release(seat)
        if "fault" in reply:
            raise fault(reply, RunLimits())
        if not reply["ok"]:
            raise FabricError(
                Code.ENTRYPOINT_INVALID, f"{program.entrypoint} does not compile: {failure(reply['text'], ()).message}"
            )
        code: str = _done(reply["text"])
        return code.encode()

    async def _native(self, program: Program, wasm: bytes) -> Loaded:
        digest = await asyncio.to_thread(lambda: hashlib.sha256(wasm).hexdigest())
        component = await self._cache.open(wasm, digest)
        try:
            native = await asyncio.to_thread(_read_all, component)
        finally:
            os.close(component)
        memories = await asyncio.to_thread(count_memories, wasm)
        return Loaded(program, native, f"sha256:{digest}", memories)

    async def _try(self, loaded: Loaded) -> None:
        seat = await self._pool.seat(loaded.program.publisher, self._name())
        try:
            await loaded.define(seat.worker)
        finally:
            self._pool.release(seat)

    @property
    def at_ease(self) -> bool:
        """Whether a guest may be started before it is certain that it is needed: it takes nobody's place."""
        return self._pool.at_ease

    def orders(self, program: Program) -> bool:
        """Whether a loaded program has an `apply` of its own; else the changes are performed in order without it."""
        return self._loaded[program.adapter].orders

    async def unload(self, adapter: str) -> None:
        """Drop the adapter's guests. Its runs end with IF_ERR_AUTHORITY_CHANGED once their request is answered."""
        loaded = self._loaded.pop(adapter, None)
        if loaded is None:
            return
        loaded.withdrawn = True
        for drive in list(loaded.drives):
            drive.withdraw()
        self._pool.forget(adapter)

    # --- runs -------------------------------------------------------------------------------------------------------

    async def run(
        self,
        program: Program,
        op: Op,
        argument: Mapping[str, Any],
        *,
        seed: int,
        perform: Perform,
        limits: RunLimits | None = None,
        cut: Callable[[GuestRun], None] | None = None,
    ) -> Run:
        """Run `plan` with `{"intent"}`, or `apply` with `{"plan", "intent", "dry_run"}`, in a fresh guest.

        `perform` answers each request with `{"ok": …}` or `{"error": {"code", "message"}}`; what it raises drops the
        guest and is raised here. Cancelling drops the guest, too. `limits` may lower memory, not raise it. `cut` is
        told how far a run came that had begun and raises or is cancelled.

        Raises what `load` raises, IF_ERR_SANDBOX_{CPU,MEMORY,STACK,OUTPUT,REQUESTS,CRASHED,TRAP},
        IF_ERR_ADAPTER_{FAILED,REFUSED,PROTOCOL}, IF_ERR_AUTHORITY_CHANGED, and the code of an answer that the adapter
        let pass.
        """
        loaded = self._loaded.get(program.adapter)
        if loaded is None or loaded.program is not program:
            loaded = await self._load(program)
        call = {**argument, "op": op, "seed": seed}
        drive = Drive(self._pool, loaded, self._name(), op, call, limits or self._settings.limits, perform)
        try:
            done = await drive.to_end()
        except BaseException as error:
            if cut is not None:
                cut(cut_off(drive, seed, argument, error))
            raise
        return Run(
            op=op,
            adapter=program.adapter,
            runtime=loaded.runtime,
            seed=seed,
            argument=argument,
            done=done,
            requests=tuple(drive.requests),
            answers=tuple(drive.answers),
            cpu_ms=drive.cpu_ms,
        )

    async def replay(self, program: Program, argument: Mapping[str, Any], recorded: GuestRun) -> None:
        """Repeat a recorded run and compare each request and the end with what was recorded.

        A run that ended early is followed up to there: it must ask for the same, and end with the same code where that
        was the guest's own doing.

        Raises IF_ERR_REPLAY_DIVERGED naming the first difference; IF_ERR_REPLAY_UNAVAILABLE when adapter or component
        is not the one that ran then; what `load` raises.
        """
        if program.adapter != recorded.adapter:
            raise FabricError(Code.REPLAY_UNAVAILABLE, f"the run was of {recorded.adapter}, this is {program.adapter}")
        loaded = await self._load(program)
        if loaded.runtime != recorded.runtime:
            raise FabricError(
                Code.REPLAY_UNAVAILABLE, f"the run was in component {recorded.runtime}; here is {loaded.runtime}"
            )
        if sha256(dumps(argument)) != recorded.argument:
            raise FabricError(Code.REPLAY_DIVERGED, "the argument is not the one that was recorded")
        asked = 0

        async def answer(request: dict[str, Any]) -> dict[str, Any]:
            nonlocal asked
            asked += 1
            if asked > len(recorded.requests):
                if recorded.error in BY_CHANCE:
                    raise _CameAsFar
                raise FabricError(Code.REPLAY_DIVERGED, f"request {asked} was not made then: {dumps(request)[:200]!r}")
            if dict(recorded.requests[asked - 1]) != request:
                raise FabricError(Code.REPLAY_DIVERGED, f"request {asked} is another one: {dumps(request)[:200]!r}")
            if asked > len(recorded.answers):
                if recorded.error and asked == len(recorded.requests):
                    raise _CameAsFar
                raise FabricError(Code.REPLAY_DIVERGED, f"no answer to request {asked} was recorded")
            return dict(recorded.answers[asked - 1])

        try:
            run = await self.run(program, recorded.op, argument, seed=recorded.seed, perform=answer)
        except _CameAsFar:
            return
        except FabricError as error:
            if error.code is Code.REPLAY_DIVERGED or not (recorded.result or recorded.error):
                raise
            if recorded.error:
                if asked == len(recorded.requests) and (error.code == recorded.error or recorded.error in BY_CHANCE):
                    return
                raise FabricError(
                    Code.REPLAY_DIVERGED, f"the run ended with {recorded.error} then, now with: {error}"
                ) from None
            raise FabricError(Code.REPLAY_DIVERGED, f"the run came to an end then, now to: {error}") from None
        if asked != len(recorded.requests):
            raise FabricError(Code.REPLAY_DIVERGED, f"it asked {asked} times; then {len(recorded.requests)} times")
        if recorded.error and recorded.error not in BY_CHANCE:
            raise FabricError(
                Code.REPLAY_DIVERGED, f"the run ended with {recorded.error} then, and comes to an end now"
            )
        if recorded.result and sha256(dumps(run.done)) != recorded.result:
            raise FabricError(Code.REPLAY_DIVERGED, "it asked for the same and ended with another answer")

    @asynccontextmanager
    async def of(self, runtime: str) -> AsyncIterator[Chassis]:
        """The sandbox on the component `sha256:…` to replay what ran on it: this one, or, on a component that was kept
        from before, one with a worker of its own. New work never runs there.

        Raises IF_ERR_REPLAY_UNAVAILABLE, IF_ERR_SANDBOX_UNAVAILABLE.
        """
        if runtime == self.runtime_digest:
            yield self
            return
        if self._settings.kept is None:
            raise FabricError(Code.REPLAY_UNAVAILABLE, f"it ran on component {runtime}, and none is kept here")
        kept = KeptComponents(self._settings.kept, self._settings.kept_most)
        component = await asyncio.to_thread(kept.find, runtime)
        alone = replace(self._settings, component=component, kept=None, workers=1, workers_each=1, spares=0, preload=1)
        try:
            older = await Chassis.start(alone)
        except FabricError as error:
            if error.code not in (Code.SANDBOX_IMPORTS, Code.ENTRYPOINT_INVALID):
                raise
            message = f"the component {runtime} is no longer one that runs here: {error.message}"
            raise FabricError(Code.REPLAY_UNAVAILABLE, message) from None
        async with older:
            if older.runtime_digest != runtime:
                raise FabricError(Code.REPLAY_UNAVAILABLE, f"the component {runtime} was altered while it was read")
            yield older

    async def close(self) -> None:
        """End every worker. Runs under way end with IF_ERR_SANDBOX_UNAVAILABLE or IF_ERR_SANDBOX_CRASHED."""
        self._closed = True
        self._loaded.clear()
        await self._pool.close()

    def _name(self) -> str:
        return f"run-{next(self._runs)}"


class _CameAsFar(Exception):
    """A replay asked for all that was recorded of a run that ended early."""


def _done(text: str) -> str:
    import orjson

    done = orjson.loads(text).get("done")
    if not isinstance(done, str):
        raise FabricError(Code.ADAPTER_PROTOCOL, "the component did not answer with bytecode")
    return done


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()
