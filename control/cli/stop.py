"""`ifctl stop` and `ifctl resume`: the kill switch for writes."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.frame import stop as not_understood
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.control.stop_file import Scope

__all__ = ["home_is_open", "named_talent", "resume", "stop"]

NOTICED_S = 3.0
"""How long a running kernel is given to record what it sees within a tenth of a second."""
ASKED_S = 0.1

_ALL = click.option("--all", "everything", is_flag=True, help="All writes of this home.")
_CAPABILITY = click.option("--capability", metavar="CAPABILITY", help="All writes of one capability.")
_TALENT = click.option("--talent", metavar="TALENT", help="All writes that one talent asked for.")
_AS = click.option("--as", "by", metavar="PERSON", help="Who says so; else the operator.")


@command("stop", short_help="Halt new writes at once.")
@_ALL
@_CAPABILITY
@_TALENT
@click.option("--list", "list_", is_flag=True, help="Show what is halted, by whom and why.")
@_AS
@changing
def stop(
    shell: Shell, everything: bool, capability: str | None, talent: str | None, list_: bool, by: str | None,
    why: str | None,
) -> None:  # fmt: skip
    """Halt new writes at once, also those of a kernel that another process runs. Plans and dry runs go on.

    The stop holds until `ifctl resume`, over restarts too. A write that is under way is observed to its end.
    """
    if list_:
        if everything or capability or talent or by or why:
            not_understood("--list stands alone")
        _list(shell)
        return
    from infrafabric.control.stop_file import StopFolder, stop_key, what_of

    scope, name = _named(shell, everything, capability, talent)
    reason, who = shell.why(why), named_talent(shell, by)
    key = stop_key(scope, name)
    StopFolder(shell.home().root).write(key, "set", who, reason, shell.trace)
    if not shell.as_json:
        shell.say(f"writes are halted: {what_of(key)}")
    recorded = _recorded(shell, lambda house: house.reading.facts.get("stop", key) is not None)
    if not recorded:
        shell.warn("the stop holds, and is not on record yet: whoever opens the log next records it")
    shape = {"scope": scope, "name": name, "by": who, "why": reason, "change": "set", "recorded": recorded}
    shell.result({"stop": shape}, lambda console: console.print(f"stopped: {what_of(key)}", soft_wrap=True))


@command("resume", short_help="Let halted writes go on.")
@_ALL
@_CAPABILITY
@_TALENT
@_AS
@changing
def resume(
    shell: Shell, everything: bool, capability: str | None, talent: str | None, by: str | None, why: str | None
) -> None:
    """Lift a stop of `ifctl stop`: the one that is named and no other. Writes go on once the log says so."""
    from infrafabric.control.stop_file import StopFolder, stop_key, what_of
    from infrafabric.control.stopping import standing_stops

    scope, name = _named(shell, everything, capability, talent)
    reason, who = shell.why(why), named_talent(shell, by)
    if not who.startswith("if://person/"):
        raise FabricError(Code.DENIED, f"{who} is no person: only a person lifts a stop")
    key = stop_key(scope, name)
    standing = look(shell, lambda house: [(one.scope, one.name) for one in standing_stops(house)])
    if (scope, name) not in standing:
        remedy = "`ifctl stop --list` shows what is halted."
        raise FabricError(Code.USAGE, f"nothing is halted for {what_of(key)}", remedy=remedy)
    StopFolder(shell.home().root).write(key, "lifted", who, reason, shell.trace)
    if not _recorded(shell, lambda house: house.reading.facts.get("stop", key) is None, must=True):
        message = f"the end of the stop ({what_of(key)}) is not on record yet, so it still holds"
        raise FabricError(Code.STOPPED, message, remedy="Whoever opens the log next records it; see `ifctl doctor`.")
    shape = {"scope": scope, "name": name, "by": who, "why": reason, "change": "lifted", "recorded": True}
    shell.result({"stop": shape}, lambda console: console.print(f"resumed: {what_of(key)}", soft_wrap=True))


def home_is_open(shell: Shell) -> bool:
    """Whether another process has the home open."""
    lock = shell.home().lock
    try:
        lock.acquire(0)
    except FabricError:
        return True
    lock.release()
    return False


def named_talent(shell: Shell, given: str | None) -> str:
    """The full id of a talent that was named, else the operator's."""
    from infrafabric.control.operator import OPERATOR

    return look(shell, lambda house: house.talent_named(given)) if given is not None else OPERATOR


def _named(shell: Shell, everything: bool, capability: str | None, talent: str | None) -> tuple[Scope, str]:
    """Scope and full id. A name that nothing bears would halt nothing, so it is refused."""
    if everything + (capability is not None) + (talent is not None) != 1:
        not_understood("name one of --all, --capability and --talent")
    if talent is not None:
        return "talent", named_talent(shell, talent)
    if capability is None:
        return "all", ""
    from infrafabric.kernel.words.names import capability_id

    full = capability_id(capability)
    if not look(shell, lambda house: any(manifest.id == full for manifest in house.manifests())):
        raise FabricError(Code.CAPABILITY_UNKNOWN, f"no capability {visible(capability, 80)} is installed")
    return "capability", full


def _recorded(shell: Shell, is_so: Callable[[House], bool], *, must: bool = False) -> bool:
    """Have the log say what the files say: by this command, or by the process that has the home open."""
    if not home_is_open(shell):
        try:
            return operating(shell, _told(is_so))  # whoever opens the log to write records the stops first
        except FabricError as error:
            if must:
                raise
            shell.warn(f"the log could not be opened: {error}")
            return False
    until = time.monotonic() + NOTICED_S
    while not look(shell, is_so):
        if time.monotonic() >= until:
            return False
        time.sleep(ASKED_S)
    return True


def _told(is_so: Callable[[House], bool]) -> Callable[[House], Awaitable[bool]]:
    async def work(house: House) -> bool:
        return is_so(house)

    return work


def _list(shell: Shell) -> None:
    from infrafabric.control.stopping import standing_stops

    rows = look(shell, lambda house: [{**asdict(one), "what": one.what} for one in standing_stops(house)])

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        if not rows:
            console.print("no writes are halted")
            return
        table = Table()
        for heading in ("halted", "by", "since", "why", "on record"):
            table.add_column(heading, overflow="fold")
        for row in rows:
            record = "being lifted" if row["lifting"] else "yes" if row["recorded"] else "not yet"
            cells = (str(row["what"]), str(row["by"]), str(row["at"]), visible(str(row["why"]), 1_000), record)
            table.add_row(*map(Text, cells))
        console.print(table)

    shell.result({"stops": rows}, render)
