"""What an adapter answers: a plan, the changes in it, and the calls that take them back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["Call", "Change", "Plan"]


@dataclass(frozen=True, slots=True)
class Call:
    """A write effect of the manifest with its arguments, as JSON values."""

    effect: str
    args: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"effect": self.effect, "args": dict(self.args)}


@dataclass(frozen=True, slots=True)
class Change:
    """One write: which effect with which arguments, what it alters, how it is taken back.

    `before` and `after` are JSON: the part of the world that this change moves, as observed and as expected. Leave out
    values that move by themselves (meters, clocks), or no two plans agree. An argument may be
    `{"$result": "change-1#/id"}`: a result that the manifest declares, of an earlier change.
    """

    effect: str
    args: Mapping[str, Any] = field(default_factory=dict)
    before: Any = None
    after: Any = None
    inverse: Call | None = None
    summary: str = ""
    """One line for people, at most 300 characters."""
    hazards: Sequence[str] = ()
    """Beyond those that the manifest declares for the effect."""
    id: str = ""
    """`change-1`, `change-2`, …: given by the plan, by position."""

    def __post_init__(self) -> None:
        if isinstance(self.hazards, str):
            raise TypeError("hazards is a list of names, not one string")

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "effect": self.effect,
            "args": dict(self.args),
            "summary": self.summary,
            "before": self.before,
            "after": self.after,
            "inverse": self.inverse.as_json() if self.inverse is not None else None,
            "hazards": list(self.hazards),
        }

    @classmethod
    def from_json(cls, shape: Mapping[str, Any]) -> Change:
        inverse = shape.get("inverse")
        return cls(
            effect=shape["effect"],
            args=shape.get("args", {}),
            before=shape.get("before"),
            after=shape.get("after"),
            inverse=Call(inverse["effect"], inverse.get("args", {})) if inverse else None,
            summary=shape.get("summary", ""),
            hazards=tuple(shape.get("hazards", ())),
            id=shape["id"],
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes that bring the intent about, in order. `Plan()` is: nothing to do."""

    changes: Sequence[Change] = ()
    note: str = ""
    """For people, at most 1,000 characters."""
    hazards: Sequence[str] = ()
    """Beyond those of the changes and the manifest."""
    cost: Mapping[str, str] | None = None
    """`{"currency": "USD", "per_apply": "0.02"}`, where it is more than the manifest says."""
    observed: Any = None
    """JSON: what you saw of all that your changes can touch, also where nothing is to do, without what moves by itself.
    An undo compares it with what was seen when the action ended, so that it never overwrites another hand."""

    def __post_init__(self) -> None:
        changes = list(self.changes)
        for position, change in enumerate(changes, 1):
            if not isinstance(change, Change):
                raise TypeError(f"a plan holds Change objects, not {type(change).__name__}")
            if not change.id:
                changes[position - 1] = replace(change, id=f"change-{position}")
        if len({change.id for change in changes}) != len(changes):
            raise ValueError("two changes of the plan have the same id")
        object.__setattr__(self, "changes", tuple(changes))

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.changes)

    def as_json(self) -> dict[str, Any]:
        """The shape that the kernel checks, stores and hashes."""
        shape: dict[str, Any] = {
            "changes": [change.as_json() for change in self.changes],
            "hazards": list(self.hazards),
            "note": self.note,
        }
        if self.cost is not None:
            shape["cost"] = dict(self.cost)
        if self.observed is not None:
            shape["observed"] = self.observed
        return shape

    @classmethod
    def from_json(cls, shape: Mapping[str, Any]) -> Plan:
        return cls(
            changes=[Change.from_json(change) for change in shape.get("changes", ())],
            note=shape.get("note", ""),
            hazards=tuple(shape.get("hazards", ())),
            cost=shape.get("cost"),
            observed=shape.get("observed"),
        )
