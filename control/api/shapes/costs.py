"""What was spent, as `ifctl cost --json` gives it."""

from __future__ import annotations

from infrafabric.control.api.shapes.common import Shape

__all__ = ["Costs"]


class Sums(Shape):
    """The sums of one group. Money is decimal strings by currency."""

    group: str
    actions: int
    """That wrote something."""
    writes: int
    tokens: int
    money: dict[str, str]
    reserved: dict[str, str]
    """Set aside by actions that are not closed."""
    decisions: int
    per_decision: dict[str, str]


class Costs(Shape):
    by: str
    since: str
    until: str
    costs: list[Sums]
    total: Sums
