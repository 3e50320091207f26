"""One run, from its first step to its last: on a seat while the guest computes, without one while the world is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.chassis.link import WorkerGone
from infrafabric.kernel.chassis.pool import Pool, Seat, Worker
from infrafabric.kernel.chassis.program import Op, Program, RunLimits
from infrafabric.kernel.chassis.steps import Done, Request, failure, fault, parse_step
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import GuestRun

__all__ = ["BY_CHANCE", "Drive", "Loaded", "Perform", "cut_off"]

Perform = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Answers a request with `{"ok": …}` or `{"error": {"code", "message", "value"?}}`; what it raises ends the run."""

BY_CHANCE = frozenset(
    {
        Code.SANDBOX_CPU,
        Code.SANDBOX_CRASHED,
        Code.SANDBOX_UNAVAILABLE,
        Code.AUTHORITY_CHANGED,
        Code.INTERRUPTED,
        Code.INTERNAL,
    }
)
"""Codes with which a run ends early at a moment that the guest alone does not determine."""

_TRIES = 5
"""Seats that one run may lose between two answers before it is given up."""


class Loaded:
    """A program as workers are given it: bytecode, or native code of a component, and the component's digest."""

    def __init__(self, program: Program, code: bytes, runtime: str, memories: int | None = None) -> None:
        self.program, self.code, self.runtime, self.memories = program, code, runtime, memories
        self.withdrawn = False
        self.orders = True
        """Whether it has an `apply` of its own; a component is always asked."""
        self.drives: set[Drive] = set()

    async def define(self, worker: Worker) -> None:
        """Tell the worker of it, once. Raises WorkerGone, IF_ERR_ENTRYPOINT_INVALID and the sandbox's refusals."""
        assert worker.defined is not None
        told = worker.defined.get(self.program.adapter)
        if told is None:
            told = asyncio.ensure_future(self._define(worker))
            told.add_done_callback(lambda future: future.cancelled() or future.exception())
            worker.defined[self.program.adapter] = told
        try:
            await asyncio.shield(told)
        except FabricError:
            worker.defined.pop(self.program.adapter, None)
            raise

    async def _define(self, worker: Worker) -> None:
        program = self.program
        reply = await worker.link.request(
            {
                "do": "define",
                "adapter": program.adapter,
                "runtime": program.runtime,
                "entrypoint": program.entrypoint,
                "memories": self.memories,
            },
            self.code,
        )
        if "fault" in reply:
            raise fault(reply, RunLimits())
        if not reply["ok"]:
            raise FabricError(
                Code.ENTRYPOINT_INVALID, f"{program.entrypoint} does not load: {failure(reply['text'], ()).message}"
            )
        if reply["text"]:
            self.orders = orjson.loads(reply["text"])["done"]["orders"]


class Drive:
    """Drives one run. `requests` and `answers` grow as it goes; `cpu_ms` is the guest's so far."""

    def __init__(
        self, pool: Pool, loaded: Loaded, run: str, op: Op, call: dict[str, Any], limits: RunLimits, perform: Perform
    ) -> None:
        self._pool, self._loaded, self._run, self._op = pool, loaded, run, op
        self._call = orjson.dumps(call).decode()
        self._limits, self._perform = limits, perform
        self._seat: Seat | None = None
        self._codes: set[str] = set()
        self.requests: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.cpu_ms = 0.0

    async def to_end(self) -> dict[str, Any]:
        """What the run answers at its end. The guest is dropped however this is left."""
        self._loaded.drives.add(self)
        try:
            text = await self._advance()
            while True:
                step = parse_step(text, self._op, self._limits)
                if isinstance(step, Done):
                    return step.answer
                await self._ask(step)
                text = await self._advance()
        finally:
            self._loaded.drives.discard(self)
            self._leave()

    def recorded(self, seed: int, argument: Mapping[str, Any], error: str) -> GuestRun:
        """The run as far as it came."""
        return GuestRun(
            op=self._op,
            adapter=self._loaded.program.adapter,
            runtime=self._loaded.runtime,
            seed=seed,
            argument=sha256(dumps(argument)),
            requests=tuple(self.requests),
            answers=tuple(self.answers),
            error=error,
            cpu_us=round(self.cpu_ms * 1e3),
        )

    def withdraw(self) -> None:
        """Drop the guest now. The run ends when what it waits for has answered."""
        self._leave()

    async def _ask(self, request: Request) -> None:
        if len(self.requests) >= self._limits.requests:
            raise FabricError(
                Code.SANDBOX_REQUESTS, f"the adapter asked for more than {self._limits.requests} effects in one run"
            )
        self.requests.append(request.shape)
        if self._seat is not None:
            self._pool.waits(self._seat)
        answer = await self._perform(request.shape)
        error = answer.get("error")
        if error is not None:
            self._codes.add(str(error["code"]))
        elif "ok" not in answer:
            raise FabricError(Code.INTERNAL, "a guest's request was answered with neither ok nor error")
        self.answers.append(answer)

    async def _advance(self) -> str:
        """Give the guest its last answer, or start it; on another seat if the one it had is lost. The step's text."""
        for _ in range(_TRIES):
            self._still_wanted()
            again = False
            try:
                if self._seat is not None and self._pool.wakes(self._seat):
                    reply = await self._resume(self._seat)
                else:
                    self._seat = None
                    again = bool(self.answers)
                    self._seat = await self._pool.seat(self._loaded.program.publisher, self._run)
                    reply = await self._begin(self._seat)
            except WorkerGone as gone:
                self._seat = None
                if gone.began:
                    raise FabricError(
                        Code.SANDBOX_CRASHED, "the sandbox worker died while it ran this adapter"
                    ) from None
                continue  # it never began, or only waited: the answers bring it back
            self._still_wanted()
            return self._text(reply, again)
        raise FabricError(Code.SANDBOX_CRASHED, "sandbox workers kept dying before they came to this run")

    async def _resume(self, seat: Seat) -> dict[str, Any]:
        answer = orjson.dumps(self.answers[-1]).decode()
        return await seat.worker.link.request({"do": "resume", "run": self._run, "answer": answer})

    async def _begin(self, seat: Seat) -> dict[str, Any]:
        self._still_wanted()
        await self._loaded.define(seat.worker)
        self._still_wanted()
        if seat.lost:
            raise WorkerGone(began=False)
        limits = self._limits
        return await seat.worker.link.request(
            {
                "do": "begin",
                "run": self._run,
                "adapter": self._loaded.program.adapter,
                "call": self._call,
                "answers": [orjson.dumps(answer).decode() for answer in self.answers],
                "limits": {
                    "cpu_ms": limits.cpu_ms,
                    "memory_bytes": limits.memory_bytes,
                    "output_bytes": limits.output_bytes,
                },
                "spent_ms": self.cpu_ms,
            }
        )

    def _still_wanted(self) -> None:
        if self._loaded.withdrawn:
            raise FabricError(
                Code.AUTHORITY_CHANGED, f"the adapter {self._loaded.program.adapter} was unloaded during the run"
            )

    def _text(self, reply: dict[str, Any], again: bool) -> str:
        self.cpu_ms += reply["cpu_ms"]
        if "fault" in reply:
            raise fault(reply, self._limits)
        steps: Sequence[tuple[bool, str]] = reply["steps"]
        if again:
            self._compare(steps)
        ok, text = steps[-1]
        if not ok:
            raise failure(text, self._codes)
        return text

    def _compare(self, steps: Sequence[tuple[bool, str]]) -> None:
        """A run that was brought back must have asked for the same again."""
        for place, request in enumerate(self.requests):
            again = (
                parse_step(steps[place][1], self._op, self._limits) if place < len(steps) and steps[place][0] else None
            )
            if not isinstance(again, Request) or again.shape != request:
                raise FabricError(
                    Code.REPLAY_DIVERGED,
                    f"the adapter, brought back with the answers it had, asked otherwise at request {place + 1}",
                )

    def _leave(self) -> None:
        if self._seat is not None:
            seat, self._seat = self._seat, None
            self._pool.release(seat)


def cut_off(drive: Drive, seed: int, argument: Mapping[str, Any], error: BaseException) -> GuestRun:
    """How far a run came that `error` ended, as entries keep it."""
    if isinstance(error, FabricError):
        code = error.code
    else:
        code = Code.INTERRUPTED if isinstance(error, asyncio.CancelledError) else Code.INTERNAL
    return drive.recorded(seed, argument, code.value)
