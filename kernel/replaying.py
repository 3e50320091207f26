"""Replay: feed an action's recorded answers to the recorded digests, and compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Parts, program_of
from infrafabric.kernel.words.entries import ActionPlanned, ActionReceived, GuestRun
from infrafabric.kernel.words.plan import changes_digest, context_digest

__all__ = ["Replayed", "replay"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay compared: the guest runs by name, all equal to the record, and the two digests."""

    action: str
    runs: tuple[str, ...]
    requests: int
    """Requests that came out as recorded, in all runs."""
    changes_digest: str
    context_digest: str


async def replay(parts: Parts, action: str) -> Replayed:
    """Repeat the guest runs of `action` and compare every request, every result and both digests with the record.

    Raises IF_ERR_REPLAY_DIVERGED, IF_ERR_REPLAY_UNAVAILABLE, IF_ERR_ACTION_UNKNOWN.
    """
    history = History.of(action, parts.log.entries(action))
    received, planned = history.received, history.planned
    if received is None or planned is None:
        raise FabricError(Code.REPLAY_UNAVAILABLE, f"{action} has no recorded plan to replay")
    capability = parts.registry.recorded(planned.capability, planned.adapter)
    program = program_of(capability)
    runs = _runs(history, received, planned)
    # A component of the adapter's own is in its bundle; python/1 ran on what was this kernel's then.
    runtime = planned.runtime if program.runtime == "python/1" else parts.chassis.runtime_digest
    async with parts.chassis.of(runtime) as chassis:
        await chassis.load(program)
        for _, recorded, argument in runs:
            await chassis.replay(program, argument, recorded)
    changes, context = _digests(received, planned)
    for name, made, recorded_digest in (
        ("changes_digest", changes, planned.changes_digest),
        ("context_digest", context, planned.context_digest),
    ):
        if made != recorded_digest:
            raise FabricError(Code.REPLAY_DIVERGED, f"the {name} does not follow from what is on record")
    return Replayed(
        action=action,
        runs=tuple(name for name, _, _ in runs),
        requests=sum(len(recorded.requests) for _, recorded, _ in runs),
        changes_digest=changes,
        context_digest=context,
    )


def _runs(
    history: History, received: ActionReceived, planned: ActionPlanned
) -> list[tuple[str, GuestRun, dict[str, Any]]]:
    """The recorded guest runs, each with the argument that it was given."""
    intent = dict(received.intent)
    runs: list[tuple[str, GuestRun, dict[str, Any]]] = []
    if planned.run is not None:
        runs.append(("plan", planned.run, {"intent": intent}))
    closed = history.closed
    ending = closed or history.refused
    if ending is not None and ending.apply_run is not None:
        argument = {
            "plan": planned.plan.as_json(),
            "intent": intent,
            "dry_run": received.purpose == "dry_run",
        }
        runs.append(("apply", ending.apply_run, argument))
    if closed is not None and closed.verify_run is not None:
        runs.append(("verify", closed.verify_run, {"intent": intent}))
    return runs


def _digests(received: ActionReceived, planned: ActionPlanned) -> tuple[str, str]:
    changes = changes_digest(planned.address, planned.plan)
    context = context_digest(
        changes,
        talent=received.talent,
        capability=planned.capability,
        intent=received.intent,
        adapter=planned.adapter,
        runtime=planned.runtime,
        records=planned.records,
        hazards=planned.hazards,
        cost=planned.cost,
        undoes=received.undoes,
    )
    return changes, context
