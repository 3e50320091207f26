"""One adapter as the conformance run drives it, natively or in the sandbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol, runtime_checkable

from infrafabric.adapters.sdk import Adapter
from infrafabric.adapters.sdk.steps import Steps
from infrafabric.kernel.canonical import dumps, loads
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Guest", "NativeGuest", "Perform", "Replayable"]

Perform = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Answers a guest's request with `{"ok": …}` or `{"error": {"code", "message", "value"}}`; raising drops the guest."""


class Guest(Protocol):
    name: str

    @property
    def orders(self) -> bool:
        """Whether the adapter has an `apply` of its own."""
        ...

    async def run(self, op: Literal["plan", "apply"], argument: dict[str, Any], perform: Perform) -> Any:
        """One run to its end: the plan, or what was performed, as JSON. Raises FabricError."""
        ...


@runtime_checkable
class Replayable(Guest, Protocol):
    """A guest whose runs are recorded as the kernel records them."""

    async def run_and_replay(
        self, op: Literal["plan", "apply"], argument: dict[str, Any], perform: Perform
    ) -> tuple[Any, int]:
        """`run`, and then what was recorded of it again in a fresh guest. The answer, and how many requests were made.

        Raises IF_ERR_REPLAY_DIVERGED where it asked or answered otherwise.
        """
        ...


class NativeGuest:
    """In this process, with no limits at all."""

    name = "native"

    def __init__(self, adapter: type[Adapter]) -> None:
        self._adapter = adapter

    @property
    def orders(self) -> bool:
        return self._adapter.apply is not Adapter.apply

    async def run(self, op: Literal["plan", "apply"], argument: dict[str, Any], perform: Perform) -> Any:
        steps = Steps(self._adapter())
        step = loads(dumps(steps.start({**argument, "op": op})))
        while "request" in step:
            step = loads(dumps(steps.resume(await perform(step["request"]))))
        if "error" in step:
            error = step["error"]
            code = error.get("code")
            if code is None:
                raise FabricError(Code.ADAPTER_FAILED, f"{error['type']}: {error['message']}")
            raise FabricError(Code(code), error["message"])
        return step["done"]
