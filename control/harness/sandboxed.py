"""An adapter in the real sandbox: on recorded answers, and for the conformance run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from infrafabric.adapters.sdk import Plan
from infrafabric.control.harness.guests import Perform
from infrafabric.control.harness.recorded import Played, Recorded, Script, check_intent
from infrafabric.control.harness.source import Source, read_source
from infrafabric.kernel.chassis.chassis import Chassis
from infrafabric.kernel.chassis.program import Program, Run

__all__ = ["SandboxGuest", "play_sandboxed"]

SEED = 7


async def play_sandboxed(
    chassis: Chassis,
    folder: Path,
    manifest_file: str,
    intent: Mapping[str, Any],
    answers: Mapping[str, Recorded] | None = None,
) -> Played:
    """`play`, in the sandbox and with the manifest: what the kernel itself would see of a plan on these answers.

    Raises what `play` raises with a manifest, and what `read_source` and the chassis raise; the adapter's own
    exceptions are IF_ERR_ADAPTER_FAILED and IF_ERR_ADAPTER_REFUSED here.
    """
    source = read_source(folder, manifest_file)
    check_intent(source.manifest, intent)
    script = Script(answers or {}, source.manifest)

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        return script.answer(request)

    done = await SandboxGuest(chassis, source).run("plan", {"op": "plan", "intent": dict(intent), "seed": SEED}, answer)
    return script.played(Plan.from_json(done))


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
        """Always: the guest's `apply` is run also where it is the SDK's own."""
        return True

    async def run(self, op: Literal["plan", "apply"], argument: dict[str, Any], perform: Perform) -> Any:
        return (await self._run(op, argument, perform)).done

    async def run_and_replay(
        self, op: Literal["plan", "apply"], argument: dict[str, Any], perform: Perform
    ) -> tuple[Any, int]:
        run = await self._run(op, argument, perform)
        await self._chassis.replay(self._program, run.argument, run.recorded())
        return run.done, len(run.requests)

    async def _run(self, op: Literal["plan", "apply"], argument: dict[str, Any], perform: Perform) -> Run:
        argument = {**argument, "op": op}
        return await self._chassis.run(self._program, op, argument, seed=argument["seed"], perform=perform)
