"""One run of an adapter as a state machine without I/O: what the guest exports, and what a test can drive natively.

A step is `{"request": …}`, `{"done": …}` or `{"error": {"type", "message", "code"?, "where"?}}`, all of it JSON.
"""

from __future__ import annotations

import random
from collections.abc import Coroutine
from typing import Any

from infrafabric.adapters.sdk.adapter import Adapter
from infrafabric.adapters.sdk.changes import Plan
from infrafabric.adapters.sdk.errors import EffectError, Refuse
from infrafabric.adapters.sdk.host import Host, Request

__all__ = ["Steps", "failure"]

Step = dict[str, Any]
__tracebackhide__ = True
PROTOCOL = "IF_ERR_ADAPTER_PROTOCOL"


class _ProtocolError(Exception):
    """The adapter answered something that is neither a plan nor a request."""


def failure(error: BaseException) -> Step:
    """The step for an exception that ended the run."""
    shape: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, Refuse):
        shape["code"] = "IF_ERR_ADAPTER_REFUSED"
    elif isinstance(error, EffectError):
        shape["code"] = error.code
    elif isinstance(error, _ProtocolError):
        shape["code"] = PROTOCOL
    else:
        shape["where"] = _where(error)
    return {"error": shape}


def _where(error: BaseException) -> str:
    """`file.py:12`, the innermost line of the traceback that is not the sandbox's own; "" where there is none."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "__tracebackhide__" not in trace.tb_frame.f_globals:
            where = f"{code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where


class Steps:
    """Drives one run: `start` once, then `resume` with `{"ok": …}` or `{"error": …}` for each request."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._running: Coroutine[Any, dict[str, Any] | None, Step] | None = None

    def start(self, call: dict[str, Any]) -> Step:
        """Begin `{"op": "plan", "intent", "seed"}` or `{"op": "apply", "plan", "intent", "dry_run", "seed"}`.

        Seeds the global `random`, so that the run can be repeated.
        """
        random.seed(call["seed"])
        self._running = self._plan(call) if call["op"] == "plan" else self._apply(call)
        return self._step(None)

    def resume(self, answer: dict[str, Any]) -> Step:
        return self._step(answer)

    async def _plan(self, call: dict[str, Any]) -> Step:
        plan = await self._adapter.plan(call["intent"], Host("plan"))
        if not isinstance(plan, Plan):
            raise _ProtocolError(f"plan returned {type(plan).__name__}, not a Plan")
        return plan.as_json()

    async def _apply(self, call: dict[str, Any]) -> Step:
        host = Host("apply", call["dry_run"])
        await self._adapter.apply(Plan.from_json(call["plan"]), host, call["dry_run"])
        return {"performed": host.performed}

    def _step(self, answer: dict[str, Any] | None) -> Step:
        if self._running is None:
            raise RuntimeError("the run has not been started, or is over")
        try:
            request = self._running.send(answer)
        except StopIteration as stop:
            self._running = None
            return {"done": stop.value}
        except BaseException as error:  # SystemExit and the like end the run as any other exception does
            self._running = None
            return failure(error)
        if not isinstance(request, Request):
            self._running.close()
            self._running = None
            return failure(_ProtocolError("the adapter awaited something that is not of its host"))
        return {"request": request.shape}
