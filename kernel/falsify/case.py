"""What an attempt is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Journey
from infrafabric.kernel.planning import Planned
from infrafabric.kernel.words.attempts import Attempted
from infrafabric.kernel.words.plan import Decision

__all__ = ["Attempt", "Case", "Refuted", "refutation"]


@dataclass(frozen=True, slots=True)
class Case:
    """A plan that is to be refuted, with all that it was made and decided from."""

    journey: Journey
    planned: Planned
    decision: Decision
    undoes: History | None = None
    """The action that the plan takes back, where it does."""
    agreed: bool = False
    """Whether people agreed to the plan, with the hazards that they were shown."""

    @property
    def writes(self) -> int:
        return len(self.planned.plan.changes)


class Refuted(Exception):
    """The plan is refuted. The message is one sentence that says by what; it names no secret."""


Attempt = Callable[[Case], Awaitable[str]]
"""Tries to refute the case. Returns one sentence on what stood, raises `Refuted`; any other error refutes too."""


def refutation(made: tuple[Attempted, ...]) -> FabricError | None:
    """IF_ERR_FALSIFIED naming the first attempt that refuted the plan; None where it stood."""
    first = next((one for one in made if one.result == "refuted"), None)
    return FabricError(Code.FALSIFIED, f"{first.name}: {first.said}") if first is not None else None
