"""What a guest may say, checked: a step is one request, or the end of the run. Pure; everything in it is untrusted."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson

from infrafabric.kernel.chassis.program import Op, RunLimits
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Done", "Request", "failure", "fault", "one_line", "parse_step"]

_GUEST_CODES = frozenset(
    {Code.ADAPTER_REFUSED, Code.ADAPTER_PROTOCOL, Code.SANDBOX_OUTPUT, Code.SANDBOX_MEMORY, Code.SANDBOX_STACK}
)
"""Codes that a guest may give of itself. Others only if the kernel gave them to it as an answer."""
_FAULTS = {
    "cpu": (Code.SANDBOX_CPU, "it was stopped after {cpu_ms:.0f} ms of CPU time"),
    "memory": (Code.SANDBOX_MEMORY, "it needs more memory than it may have"),
    "stack": (Code.SANDBOX_STACK, "it recursed until its stack was full"),
    "output": (Code.SANDBOX_OUTPUT, "{message}"),
    "signature": (Code.ADAPTER_PROTOCOL, "{message}"),
    "trap": (Code.SANDBOX_TRAP, "{message}"),
}
_MAX_WAIT_S = 3600.0
_MAX_NAME = 100
_MAX_INT = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Request:
    """`{"read", "args"}`, `{"perform"}`, `{"wait"}` or `{"wait", "news": true}`."""

    shape: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    answer: dict[str, Any]


def one_line(text: object, limit: int = 300) -> str:
    """Untrusted words as one printable line of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def parse_step(text: str, op: Op, limits: RunLimits) -> Request | Done:
    """A successful step. Raises IF_ERR_ADAPTER_PROTOCOL or IF_ERR_SANDBOX_OUTPUT."""
    try:
        step = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "recursion" in str(error) or "depth" in str(error):  # orjson's words, of one version and of another
            raise FabricError(Code.SANDBOX_OUTPUT, f"the adapter's answer is deeper than {limits.depth}") from None
        raise _protocol(f"its answer is not JSON: {one_line(error)}") from None
    _check(step, limits.depth)
    if not isinstance(step, dict) or len(step) != 1:
        raise _protocol("its answer is neither a request nor the end")
    if "done" in step:
        if not isinstance(step["done"], dict):
            raise _protocol("it ended with something that is not a JSON object")
        return Done(step["done"])
    if "request" not in step:
        raise _protocol("its answer is neither a request nor the end")
    return Request(_request(step["request"], op))


_WAITS: tuple[dict[str, Any], ...] = ({}, {"news": True})


def _request(shape: Any, op: Op) -> dict[str, Any]:
    match shape:
        case {"read": str(name), "args": dict(), **rest} if not rest and 0 < len(name) <= _MAX_NAME:
            return dict(shape)
        case {"perform": str(name), **rest} if not rest and 0 < len(name) <= _MAX_NAME:
            if op == "plan":
                raise _protocol("it asked to perform a change while planning")
            return dict(shape)
        case {"wait": int() | float() as seconds, **rest} if rest in _WAITS and not isinstance(seconds, bool):
            if op == "plan":
                raise _protocol("it asked to wait while planning")
            if not 0 <= seconds <= _MAX_WAIT_S:
                raise _protocol(f"it asked to wait {seconds} seconds")
            return dict(shape)
    raise _protocol("its request is neither a read, nor a change by id, nor a wait")


def failure(text: str, given: Collection[str]) -> FabricError:
    """What a failed step means. `given` are the codes that the kernel answered with in this run."""
    try:
        error = orjson.loads(text)
    except orjson.JSONDecodeError:
        error = None
    if not isinstance(error, dict):
        return FabricError(Code.ADAPTER_FAILED, f"the adapter failed: {one_line(text)}")
    kind, message, code = error.get("type", ""), one_line(error.get("message", "")), error.get("code")
    if code is None:
        code = {"MemoryError": Code.SANDBOX_MEMORY, "RecursionError": Code.SANDBOX_STACK}.get(str(kind))
    if isinstance(code, str) and code in Code.__members__.values() and (code in _GUEST_CODES or code in given):
        return FabricError(Code(code), message or "the adapter gave no reason")
    where = one_line(error.get("where", ""), 100)
    said = one_line(kind, 100) + (f": {message}" if message else "") + (f" ({where})" if where else "")
    return FabricError(Code.ADAPTER_FAILED, f"the adapter raised {said}")


def fault(reply: dict[str, Any], limits: RunLimits) -> FabricError:
    """What a worker's fault means."""
    code, words = _FAULTS.get(reply["fault"], (Code.SANDBOX_TRAP, "{message}"))
    return FabricError(
        code, "the adapter failed: " + words.format(cpu_ms=limits.cpu_ms, message=one_line(reply["message"]))
    )


def _protocol(what: str) -> FabricError:
    return FabricError(Code.ADAPTER_PROTOCOL, f"the adapter does not keep to the protocol: {what}")


def _check(value: Any, depth: int) -> None:
    """Refuse what cannot be hashed later: too deep, integers beyond 2^53-1, numbers that are not finite."""
    if isinstance(value, dict):
        if depth == 0:
            raise FabricError(Code.SANDBOX_OUTPUT, "the adapter's answer is nested too deeply")
        for item in value.values():
            if not isinstance(item, str):
                _check(item, depth - 1)
    elif isinstance(value, list):
        if depth == 0:
            raise FabricError(Code.SANDBOX_OUTPUT, "the adapter's answer is nested too deeply")
        for item in value:
            if not isinstance(item, str):
                _check(item, depth - 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _protocol("a number in its answer is not finite")
    elif isinstance(value, int) and not -_MAX_INT <= value <= _MAX_INT:
        raise _protocol(f"the integer {value} in its answer is beyond 2^53-1")
