"""`ifctl capability find`: which capability, on which target, by which talent fits a task best."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import command
from infrafabric.control.cli.opening import look
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.matching import Matches

__all__ = ["find"]

MAX_INTENT_FILE = 1 << 20
MOST_REASONS = 20
"""Misfits that are shown to people; JSON has them all."""


@command("find", short_help="Which capability, target and talent fit an intent best.")
@click.option("--intent", "file", metavar="FILE", required=True, help="The intent as a JSON file; - reads stdin.")
@click.option("--scope", "scopes", metavar="SCOPE", multiple=True, help="A scope that the capability has to be for.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="What the talent had better be good at.")
@click.option("--capability", metavar="CAPABILITY", help="Only this capability.")
@click.option("--on", "target", metavar="TARGET", help="Only this target.")
@click.option("--as", "talent", metavar="TALENT", help="Only this talent.")
@click.option("--tenant", metavar="TENANT", help="In this tenant; else in that of --as, else in `default`.")
def find(
    shell: Shell,
    file: str,
    scopes: tuple[str, ...],
    tags: tuple[str, ...],
    capability: str | None,
    target: str | None,
    talent: str | None,
    tenant: str | None,
) -> None:
    """Find who could do it now, the best first, with the reasons, and why the others do not fit.

    ifctl capability find --scope studio:control --intent scene.json

    A talent that was not granted the capability never fits. Nothing is asked of any target, and nothing is recorded;
    the guard decides when the best one asks.
    """
    from infrafabric.kernel.matching import best

    intent = _intent(shell, file)
    found, tenant = look(shell, lambda house: _found(house, intent, scopes, tags, capability, target, talent, tenant))
    shape = {
        "tenant": tenant,
        "fits": [_shape(one) for one in found.fits],
        "misfits": [_shape(one) for one in found.misfits],
    }
    try:
        best(found)
    except FabricError as error:
        shell.result({**shape, "error": error.as_json()}, lambda console: _misfits(console, found))
        shell.failed(error)
    shell.result(shape, lambda console: _render(console, found))


def _found(
    house: House,
    intent: dict[str, Any],
    scopes: tuple[str, ...],
    tags: tuple[str, ...],
    capability: str | None,
    target: str | None,
    talent: str | None,
    tenant: str | None,
) -> tuple[Matches, str]:
    from infrafabric.control.matching import HouseMatcher
    from infrafabric.kernel.matching import Task
    from infrafabric.kernel.words.names import capability_id

    who = house.authority.talent(house.talent_named(talent)) if talent is not None else None
    place = tenant or (who.tenant if who is not None else "default")
    task = Task(
        intent=intent,
        tenant=place,
        scopes=scopes,
        tags=tags,
        capability=capability_id(capability) if capability is not None else "",
        target=target or "",
        talent=who.id if who is not None else "",
    )
    return HouseMatcher(house).find(task), place


def _intent(shell: Shell, file: str) -> dict[str, Any]:
    from infrafabric.kernel.canonical import loads

    data = sys.stdin.buffer.read(MAX_INTENT_FILE + 1) if file == "-" else shell.read_file(Path(file), MAX_INTENT_FILE)
    loaded = loads(data, limit=MAX_INTENT_FILE)
    if not isinstance(loaded, dict):
        raise FabricError(Code.JSON_INVALID, "the intent is not a JSON object")
    return loaded


def _shape(one: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(one)


def _render(console: Console, found: Matches) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("", "capability", "target", "talent", "why")
    for place, one in enumerate(found.fits, 1):
        name = f"{one.capability.rpartition('/')[2]} {one.version}"
        why = "\n".join(visible(reason, 200) for reason in one.reasons)
        table.add_row(*map(Text, (str(place), visible(name), visible(one.target), visible(one.talent), why)))
    console.print(table)
    _misfits(console, found)


def _misfits(console: Console, found: Matches) -> None:
    from rich.text import Text

    for line in _lines(found):
        console.print(Text(line), soft_wrap=True)


def _lines(found: Matches) -> list[str]:
    lines = ["what does not fit:"] if found.misfits else []
    for one in found.misfits[:MOST_REASONS]:
        who = f" {visible(one.talent)}" if one.talent else ""
        lines.append(f"  {visible(one.capability.rpartition('/')[2])}{who}: {visible(one.reason, 300)}")
    more = len(found.misfits) - MOST_REASONS
    return [*lines, f"  and {more} more; --json has them all"] if more > 0 else lines
