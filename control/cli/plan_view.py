"""The plan table: what comes (+), changes (~) and goes (-), before → after, and what is known only after the apply.

The signs carry the meaning, so that it reads the same without colour. What adapters and the world say is untrusted:
hidden characters are shown, long values cut, and a text that could be taken for the table's own words is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.plan_diff import Line, Mark, Sign, altered, counts
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.results import is_reference
from infrafabric.kernel.words.manifest import Effect
from infrafabric.kernel.words.plan import Change, Plan

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report

__all__ = ["show_plan", "signed_effects"]

VALUE_CAP = 160
REQUEST_CAP = 400
NAME_CAP = 60
ALIGNED = 40
"""Names up to this length are padded to the longest of them."""
MOST_LINES = 40
"""Attributes shown of one change."""
MOST_KEPT = 5
"""Attributes shown of a change that keeps what is, where it has no more."""
MOST_SAID = 20
"""Of the adapter's own remarks."""
INDENT = 6
UNKNOWN = "(known after apply)"

_STYLES = {Sign.ADD: "green", Sign.CHANGE: "yellow", Sign.REMOVE: "red"}
_PLAIN_KEY = re.compile(r"[^\W\d][\w -]*")
_LIKE_JSON = re.compile(r"null|true|false|-?[0-9][0-9.eE+-]*")
_OWN = '"([{+~-'
"""What a value of the table itself begins with."""


def signed_effects(house: House, report: Report) -> Mapping[str, Effect]:
    """The signed templates that the report's plan was made under; none where nothing was loaded for it."""
    rows = (row for row in house.registry.list() if row.loaded and row.id == report.capability)
    return next((row.manifest.effects for row in rows if row.manifest is not None), {})


def show_plan(
    console: Console,
    plan: Plan,
    requests: tuple[str, ...] = (),
    effects: Mapping[str, Effect] | None = None,
    *,
    label: str = "Plan",
) -> None:
    """Each change with its attributes, request, hazards and inverse, then the adapter's remarks and the sum.

    `requests` belong to the changes by position. `effects` tell what creates, what destroys and how long it settles.
    """
    from rich.text import Text

    known = effects or {}
    for position, change in enumerate(plan.changes):
        request = requests[position] if position < len(requests) else ""
        _show_change(console, change, request, known.get(change.effect))
    said = [change.summary for change in plan.changes if change.summary] + ([plan.note] if plan.note else [])
    for words in said[:MOST_SAID]:
        console.print(Text(f"the adapter says (untrusted): {visible(words)}", style="italic"))
    if len(said) > MOST_SAID:
        console.print(Text(f"and {len(said) - MOST_SAID} more remarks of the adapter", style="italic"))
    if not plan.changes:
        console.print(Text("nothing to do: the state is as wanted"))
        return
    sums = counts(plan, known)
    text = f"{sums['add']} to add, {sums['change']} to change, {sums['remove']} to remove."
    console.print(Text.assemble((f"{label}: ", "bold"), text))


def _show_change(console: Console, change: Change, request: str, effect: Effect | None) -> None:
    from rich.cells import chop_cells
    from rich.padding import Padding
    from rich.text import Text

    plain = console.options.ascii_only
    found = altered(change, effect)
    title = Text.assemble((f"  {found.sign.value} ", f"bold {_STYLES[found.sign]}"), (change.id, "bold"))
    title.append(f"  {change.effect}")
    if hazards := _hazards(change, effect):
        title.append(f"  {'!' if plain else '⚠'} {', '.join(hazards)}", style="yellow")
    console.print(title)

    def inside(what: RenderableType) -> None:
        console.print(Padding(what, (0, 0, 0, INDENT), expand=False))

    room = max(console.width - INDENT, 1)
    names = [_path(line.path) for line in found.lines[:MOST_LINES]]
    width = max((len(name) for name in names if len(name) <= ALIGNED), default=0)
    for line, name in zip(found.lines, names, strict=False):
        for row in _rows(line, name.ljust(width), room, plain=plain):
            inside(row)
    if (more := len(found.lines) - MOST_LINES) > 0:
        inside(Text(f"and {more} more that differ", style="dim"))
    if not found.lines and isinstance(change.before, Mapping) and len(change.before) <= MOST_KEPT:
        for name, value in change.before.items():
            inside(Text(f"= {_path((name,))}  {_value(value)}", style="dim", overflow="fold"))
    elif found.same:
        inside(Text(f"= {found.same} unchanged", style="dim"))
    for name, value in change.args.items():
        if is_reference(value):
            inside(Text(f"{visible(name, NAME_CAP)} {UNKNOWN}: {visible(value['$result'], NAME_CAP)}", style="dim"))
    if request:
        for part in chop_cells(visible(request, REQUEST_CAP), room):
            inside(Text(part, style="dim"))
    inside(_back(change, effect))


def _hazards(change: Change, effect: Effect | None) -> list[str]:
    signed = [*effect.hazards, *(["destructive"] if effect.destructive else [])] if effect is not None else []
    return list(dict.fromkeys([*signed, *change.hazards]))


def _back(change: Change, effect: Effect | None) -> Text:
    from rich.text import Text

    text = Text()
    if effect is not None and effect.settle_s:
        text.append(f"settles within {effect.settle_s:g} s; ", style="dim")
    if change.inverse is None:
        text.append("cannot be undone", style="yellow")
    else:
        text.append(f"can be undone by {change.inverse.effect}", style="dim")
    return text


def _rows(line: Line, name: str, room: int, *, plain: bool) -> list[RenderableType]:
    """One attribute in one row, or its name above its values where that would be wider than `room`."""
    from rich.table import Table
    from rich.text import Text

    arrow = "->" if plain else "→"
    before, after = _value(line.before), _value(line.after)
    if line.sign is not Sign.CHANGE or line.before is Mark.ABSENT:
        values = [("", before if line.sign is Sign.REMOVE else after)]
    else:
        values = [("", before), (arrow, after)]
    head = Text(f"{line.sign.value} {name}  " if name.strip() else f"{line.sign.value} ", style=_STYLES[line.sign])
    row = Text.assemble(head, f" {arrow} ".join(value for _, value in values))
    if row.cell_len <= room:
        return [row]
    head.rstrip()
    grid = Table.grid(padding=(0, 0, 0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    for mark, value in values:
        grid.add_row(mark.rjust(1), Text(value))
    return [head, grid]


def _value(value: Any) -> str:
    if value is Mark.ABSENT:
        return ""
    if value is Mark.UNKNOWN:
        return UNKNOWN
    if isinstance(value, str) and not _could_mislead(value):
        return visible(value, VALUE_CAP)
    return visible(json.dumps(value, ensure_ascii=False), VALUE_CAP)


def _could_mislead(text: str) -> bool:
    """Whether a text, unquoted, could be read as nothing, as another JSON value or as the table's own words."""
    return (
        text != text.strip() or not text or text[0] in _OWN or "→" in text or "->" in text
        or _LIKE_JSON.fullmatch(text) is not None
    )  # fmt: skip


def _path(path: tuple[str | int, ...]) -> str:
    """`lights.hall[2]`; a name that is not plain is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]" if text else json.dumps(part, ensure_ascii=False)
    return visible(text, NAME_CAP)
