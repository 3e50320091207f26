"""A worker: a process of its own that runs the guests of one publisher, confined before it is told of any.

`python -I -m infrafabric.kernel.chassis.worker SOCKET COMPONENT SLOTS PRELOAD MEMORY_BYTES`: descriptors of the socket
and of the compiled component of `python/1`, guests at once, guests kept loaded ahead, memory of each. One thread runs
guests; the main thread counts that thread's CPU time in epochs of 10 ms. See wire.py for what is said.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from wasmtime import Engine, WasmtimeError
from wasmtime.component import Component, Linker

from infrafabric.kernel.chassis.confine import confine
from infrafabric.kernel.chassis.engine import (
    THREAD_STACK,
    Guest,
    GuestFault,
    Pooling,
    Reason,
    check_component,
    make_engine,
    own_engine,
)
from infrafabric.kernel.chassis.ticker import EPOCH_S, Ticker
from infrafabric.kernel.chassis.wire import HEADER, FrameError, decode, encode, lengths

__all__ = ["main"]

NICENESS = 5
"""Guests yield to the kernel, which has answers to hand on and entries to make durable while workers tidy up."""
HAND_OVER_MS = 1
"""A pause after an answer, before tidying: who is woken by it often shares the core, and would wait for its turn."""
LOAD_CPU_MS = 2_000
"""For instantiating and loading an adapter: its modules' own code runs then."""
COMPILE_CPU_MS = 10_000
STEP_BYTES = 16 << 20
"""Of bytecode that a compile gives. Steps of a run have their own limit."""


@dataclass(slots=True)
class Adapter:
    """What a guest is made from: bytecode for the shared component, or a component of its own."""

    component: Component
    linker: Linker
    code: str = ""
    entrypoint: str = ""
    memories: int | None = None
    """Linear memories of a component of its own; what a run may use is shared out evenly among them."""
    ready: deque[Guest] = field(default_factory=deque)
    ahead: bool = True
    """Whether guests of it are loaded ahead."""


@dataclass(slots=True)
class Running:
    guest: Guest
    cpu_ms: float
    """What the whole run may use."""
    spent_ms: float
    output_bytes: int


class Worker:
    """The state of the guest thread. `handle` answers one message; `tidy` does what can wait until there is none."""

    def __init__(
        self, engine: Engine, own: Engine, component: Component, slots: int, preload: int, memory_bytes: int
    ) -> None:
        self._own = own
        self._python = (component, Linker(engine))
        self._slots, self._preload, self._memory = slots, preload, memory_bytes
        self._adapters: OrderedDict[str, Adapter] = OrderedDict()  # most recently used last
        self._running: dict[str, Running] = {}
        self._over: deque[Guest] = deque()
        self._spent = 0.0

    # --- messages ---------------------------------------------------------------------------------------------------

    def handle(self, message: dict[str, Any], blob: bytes) -> dict[str, Any] | None:
        do = message["do"]
        if do == "drop":
            self._drop(message["run"])
            return None
        if do == "forget":
            self._forget(message["adapter"])
            return None
        self._spent = 0.0
        try:
            if do == "begin":
                return self._begin(message)
            if do == "resume":
                running = self._running[message["run"]]
                step = self._step(running, "resume", message["answer"])
                return {"steps": [step], "cpu_ms": self._spent}
            if do == "compile":
                return self._compile(message)
            if do == "define":
                return self._define(message, blob)
            raise FrameError(f"no request is called {do!r}")
        except GuestFault as fault:
            if "run" in message:
                self._drop(message["run"])
            return {"fault": fault.reason.value, "message": fault.message, "cpu_ms": self._spent}

    def _begin(self, message: dict[str, Any]) -> dict[str, Any]:
        """Start a run, or bring one back by giving it the answers that it had."""
        name, limits = message["adapter"], message["limits"]
        adapter = self._adapters[name]
        self._adapters.move_to_end(name)
        guest = adapter.ready.popleft() if adapter.ready else self._load(adapter)
        guest.limit(limits["memory_bytes"] // (adapter.memories or 1))
        running = Running(guest, limits["cpu_ms"], 0.0, limits["output_bytes"])
        self._running[message["run"]] = running
        steps = [self._step(running, "start", message["call"])]
        answers = message["answers"]
        for place, answer in enumerate(answers, 1):
            if not steps[-1][0]:
                break
            if place == len(answers):
                # What is done again was counted when it was done first.
                running.spent_ms, self._spent = message["spent_ms"], 0.0
            steps.append(self._step(running, "resume", answer))
        return {"steps": steps, "cpu_ms": self._spent}

    def _step(self, running: Running, name: str, argument: str) -> tuple[bool, str]:
        left = running.cpu_ms - running.spent_ms
        if left <= 0:
            raise GuestFault(Reason.CPU, "the run has used its CPU time")
        spent = self._spent
        try:
            return self._call(running.guest, name, argument, cpu_ms=left, output_bytes=running.output_bytes)
        finally:
            running.spent_ms += self._spent - spent

    def _call(
        self, guest: Guest, name: str, *arguments: str, cpu_ms: float, output_bytes: int = STEP_BYTES
    ) -> tuple[bool, str]:
        began = time.thread_time()
        try:
            return guest.call(name, *arguments, ticks=ticks(cpu_ms), output_bytes=output_bytes)
        finally:
            self._spent += (time.thread_time() - began) * 1e3

    def _compile(self, message: dict[str, Any]) -> dict[str, Any]:
        guest = self._fresh(Adapter(*self._python))
        try:
            sources = orjson.dumps({"files": message["files"], "entrypoint": message["entrypoint"]}).decode()
            ok, text = self._call(guest, "compile", sources, cpu_ms=COMPILE_CPU_MS)
        finally:
            self._over.append(guest)
        return {"ok": ok, "text": text}

    def _define(self, message: dict[str, Any], blob: bytes) -> dict[str, Any]:
        if message["runtime"] == "python/1":
            adapter = Adapter(*self._python, blob.decode(), message["entrypoint"])
        else:
            try:
                component = Component.deserialize(self._own, blob)
            except WasmtimeError as error:
                raise GuestFault(Reason.SIGNATURE, str(error)[:300]) from None
            imports, wrong = check_component(self._own, component)
            if imports or wrong:
                raise GuestFault(Reason.SIGNATURE, f"the component imports {imports}: {wrong}")
            adapter = Adapter(component, Linker(self._own), memories=message["memories"])
        self._forget(message["adapter"])
        ok, text = True, ""
        guest = self._fresh(adapter)
        if adapter.code:
            try:
                ok, text = self._call(guest, "load", adapter.code, adapter.entrypoint, cpu_ms=LOAD_CPU_MS)
            except GuestFault:
                self._over.append(guest)
                raise
        if not ok:
            self._over.append(guest)
            return {"ok": False, "text": text}
        adapter.ready.append(guest)
        self._adapters[message["adapter"]] = adapter
        return {"ok": True, "text": text}

    def _drop(self, run: str) -> None:
        running = self._running.pop(run, None)
        if running is not None:
            self._over.append(running.guest)

    def _forget(self, name: str) -> None:
        adapter = self._adapters.pop(name, None)
        if adapter is not None:
            self._over.extend(adapter.ready)

    # --- guests -----------------------------------------------------------------------------------------------------

    def _fresh(self, adapter: Adapter) -> Guest:
        self._make_room()
        if adapter.memories is None:
            return Guest(adapter.linker, adapter.component, self._memory, ticks(LOAD_CPU_MS))
        share = self._memory // adapter.memories
        return Guest(adapter.linker, adapter.component, share, ticks(LOAD_CPU_MS), adapter.memories)

    def _load(self, adapter: Adapter) -> Guest:
        guest = self._fresh(adapter)
        if adapter.code:
            try:
                ok, text = guest.call(
                    "load", adapter.code, adapter.entrypoint, ticks=ticks(LOAD_CPU_MS), output_bytes=STEP_BYTES
                )
                if not ok:
                    raise GuestFault(Reason.TRAP, f"it loaded before and now does not: {text[:200]}")
            except GuestFault:
                self._over.append(guest)
                raise
        return guest

    def _make_room(self) -> None:
        while self._over:
            self._over.popleft().drop()
        ready = sum(len(adapter.ready) for adapter in self._adapters.values())
        if len(self._running) + ready >= self._slots:
            next(adapter for adapter in self._adapters.values() if adapter.ready).ready.popleft().drop()

    def tidy(self) -> bool:
        """Drop one guest that is over, or load one ahead; False when there is nothing to do."""
        if self._over:
            self._over.popleft().drop()
            return True
        recent = list(reversed(self._adapters.values()))[: self._preload]
        for adapter in self._adapters.values():
            if adapter.ready and not any(adapter is other for other in recent):
                self._over.append(adapter.ready.popleft())
                return True
        share = max(1, self._preload // max(1, len(recent)))
        for adapter in recent:
            if len(adapter.ready) > share:
                self._over.append(adapter.ready.popleft())
                return True
        ready = sum(len(adapter.ready) for adapter in recent)
        if len(self._running) + ready >= self._slots:
            return False
        for adapter in recent:
            if adapter.ahead and len(adapter.ready) < share:
                try:
                    adapter.ready.append(self._load(adapter))
                except GuestFault:
                    adapter.ahead = False  # the next run of it meets the same fault and can tell of it
                return True
        return False


def ticks(cpu_ms: float) -> int:
    """Epochs for that much CPU time. One more than whole, since the first may be about to end."""
    return int(cpu_ms / (EPOCH_S * 1e3)) + 1


class Channel:
    """The socket to the kernel. Plain reads and writes, so that no socket call need be allowed."""

    def __init__(self, descriptor: socket.socket) -> None:
        self._socket = descriptor
        self._poll: Any = None
        self._read: Callable[[int], bytes]
        self._write: Callable[[memoryview], int]
        if sys.platform == "win32":
            self._read = descriptor.recv
            self._write = descriptor.send
        else:
            number = descriptor.fileno()
            self._read = lambda size: os.read(number, size)
            self._write = lambda data: os.write(number, data)
            self._poll = select.poll()
            self._poll.register(number, select.POLLIN)

    def pending(self, wait_ms: int = 0) -> bool:
        if self._poll is not None:
            return bool(self._poll.poll(wait_ms))
        return bool(select.select([self._socket], [], [], wait_ms / 1e3)[0])

    def receive(self) -> tuple[dict[str, Any], bytes] | None:
        """The next message; None when the kernel is gone."""
        header = self._exactly(HEADER.size)
        if header is None:
            return None
        body, blob = lengths(header)
        rest = self._exactly(body + blob)
        return None if rest is None else (decode(rest[:body]), rest[body:])

    def send(self, message: dict[str, Any]) -> None:
        data = memoryview(encode(message))
        while data:
            data = data[self._write(data) :]

    def _exactly(self, size: int) -> bytes | None:
        pieces = []
        while size:
            piece = self._read(min(size, 1 << 20))
            if not piece:
                return None
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def serve(worker: Worker, channel: Channel, ticker: Ticker) -> None:
    answered = False
    while True:
        ticker.touch()
        wait_ms = HAND_OVER_MS if answered else 0
        while not channel.pending(wait_ms) and worker.tidy():
            wait_ms = 0
            ticker.touch()
        received = channel.receive()
        if received is None:
            return
        ticker.touch()
        answer = worker.handle(*received)
        answered = answer is not None
        if answer is not None:
            channel.send(answer)


def open_socket(argument: str) -> socket.socket:
    """The kernel's end is a descriptor; on Windows, where none can be inherited safely, a shared socket on stdin."""
    if sys.platform == "win32":
        return socket.fromshare(sys.stdin.buffer.read(int(argument)))
    return socket.socket(fileno=int(argument))


def main(arguments: list[str]) -> int:
    descriptor, component_file, slots, preload, memory_bytes = arguments
    channel = Channel(open_socket(descriptor))
    if sys.platform != "win32":
        os.nice(NICENESS)
    try:
        engine, note = make_engine(Pooling(int(slots) + 1, int(memory_bytes)))
        component = Component.deserialize_file(engine, component_file)
        imports, wrong = check_component(engine, component)
        if imports or wrong:
            raise FrameError(f"the component imports {imports}: {wrong}")
        if component_file.startswith("/proc/self/fd/"):
            os.close(int(component_file.rpartition("/")[2]))
        own = own_engine()
        worker = Worker(engine, own, component, int(slots), int(preload), int(memory_bytes))
    except (WasmtimeError, FrameError, OSError) as error:
        channel.send({"fault": "start", "message": str(error)[:500]})
        return 1

    confined, over = threading.Event(), threading.Event()

    def guests() -> None:
        confined.wait()
        try:
            serve(worker, channel, ticker)
        finally:
            over.set()
            os._exit(0)  # nothing here is worth a tidy end, and the main thread may be asleep

    threading.stack_size(THREAD_STACK)
    thread = threading.Thread(target=guests, daemon=True)
    thread.start()
    assert thread.ident is not None
    ticker = Ticker((engine, own), thread.ident)
    given_up = confine()
    channel.send({"applied": given_up.applied, "missing": given_up.missing, "note": note})
    confined.set()
    ticker.run(over)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
