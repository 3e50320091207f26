"""An adapter in the real sandbox, for the conformance run."""

from __future__ import annotations

from typing import Any, Literal

from infrafabric.control.harness.guests import Perform
from infrafabric.control.harness.source import Source
from infrafabric.kernel.chassis import Chassis, Program

__all__ = ["SandboxGuest"]


class SandboxGuest:
    """In a worker of the kernel's own chassis, as in production. `load` comes first."""

    name = "sandbox"

    def __init__(self, chassis: Chassis, source: Source) -> None:
        manifest = source.manifest
        self._chassis = chassis
        self._program = Program(
            adapter=source.digest,
            publisher="harness",
            runtime=manifest.runtime,
            entrypoint=manifest.entrypoint,
            files=source.files,
        )

    async def load(self) -> None:
        """Compile the adapter. Raises IF_ERR_ENTRYPOINT_INVALID, IF_ERR_RUNTIME_UNKNOWN, IF_ERR_SANDBOX_*."""
        await self._chassis.load(self._program)

    @property
    def orders(self) -> bool:
        return self._chassis.orders(self._program)

    async def run(self, op: Literal["plan", "apply"], argument: dict[str, Any], perform: Perform) -> Any:
        run = await self._chassis.run(self._program, op, {**argument, "op": op}, seed=argument["seed"], perform=perform)
        return run.done
