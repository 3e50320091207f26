"""`ifctl policy`: the policies by which plans are decided: check them, test them, take them into force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["policy"]

MAX_TABLE = 1 << 20
_FOLDER = click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))


@click.group("policy")
def policy() -> None:
    """The policies by which plans are decided.

    HOME/policies holds the working copy, files named *.cedar. What is in force is in the log, signed by the operator.
    """


@policy.add_command
@command("check", short_help="Whether policies could be taken into force.")
@_FOLDER
def check(shell: Shell, folder: Path | None) -> None:
    """Look through the policies of DIR, else of the home, and tell all that is wrong, with file and line.

    Nothing changes.
    """
    from infrafabric.control.policies import checked_json, working_copy

    answer = look(shell, lambda house: checked_json(house, working_copy(house, folder)))

    def render(console: Console) -> None:
        for one in answer["problems"]:
            console.print(f"{visible(one['file'])}:{one['line']}: {visible(one['message'], 600)}")
        if answer["valid"]:
            console.print(f"{answer['policies']} policies, {answer['digest']}")
            for word, near in answer["doubtful_hazards"].items():
                console.print(f"note: nobody declares the hazard {visible(word)}; did you mean {visible(near)}?")
            console.print(_difference(answer["differs"]))

    shell.result(answer, render)
    if not answer["valid"]:
        count = len(answer["problems"])
        shell.failed(FabricError(Code.POLICY_INVALID, f"{count} problem{'s' if count > 1 else ''} found"))


@policy.add_command
@command("load", short_help="Take policies into force.")
@_FOLDER
@click.option("--shipped", is_flag=True, help="The set that ships, for a home that has none: puts its files there too.")
@changing
def load_(shell: Shell, folder: Path | None, shipped: bool, why: str | None) -> None:
    """Take the policies of DIR, else of the home, into force, as one signed entry of the log.

    They hold at once, whole. A set that is not valid is refused, and the former one stays. A plan that waits for people
    under the former one becomes stale.
    """
    from infrafabric.control.policies import load, put_shipped, working_copy

    reason = shell.why(why)
    if shipped and folder is not None:
        raise FabricError(Code.USAGE, "DIR and --shipped exclude each other")

    async def work(house: House) -> dict[str, Any]:
        files = put_shipped(house.home) if shipped else working_copy(house, folder)
        return await load(house, files, reason, house.operator(shell.trace))

    done = operating(shell, work)

    def render(console: Console) -> None:
        console.print(f"{done['policies']} policies in force, {done['digest']}")
        for name, how in done["changed"].items():
            console.print(f"  {how:<8} {visible(name)}")

    shell.result(done, render)


@policy.add_command
@command("show", short_help="The policies in force.")
@click.option("--text", "as_text", is_flag=True, help="Print the files whole, as they were signed.")
def show(shell: Shell, as_text: bool) -> None:
    """Show which policies are in force, what follows from each, and whether the working copy differs."""
    from infrafabric.control.policies import differences, in_force_json, working_copy

    def find(house: House) -> dict[str, Any]:
        found = in_force_json(house)
        try:
            differs = differences(working_copy(house), found["files"]) if found["in_force"] else {}
        except FabricError as error:
            shell.warn(f"the working copy cannot be compared: {error.message}")
            return {**found, "differs": None}
        return {**found, "differs": differs}

    found = look(shell, find)

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        if not found["in_force"]:
            console.print("no policies are in force: everything is refused until `ifctl policy load --why …`")
            return
        if as_text:
            for name, text in found["files"].items():
                console.print(f"// {visible(name)}")
                for line in text.splitlines():
                    console.print(Text(visible(line, 2_000)))
            return
        table = Table("policy", "gives", "asks", "because", "where")
        for rule in found["policies"]:
            where = f"{visible(rule['file'])}:{rule['line']}"
            gives = "permits" if rule["verdict"] == "SHARE" else rule["verdict"]
            table.add_row(rule["id"], gives, _asks(rule["needs"]), Text(visible(rule["reason"])), where)
        console.print(table)
        console.print(found["digest"])
        if found["differs"] is not None:
            console.print(_difference(found["differs"]))

    shell.result(found, render)


@policy.add_command
@command("test", short_help="Run a table of cases against the policies.")
@click.argument("table", metavar="TABLE.yaml", type=click.Path(path_type=Path))
@click.option(
    "--dir", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Test the policies of this folder."
)
@click.option("--in-force", "force", is_flag=True, help="Test those in force, not the working copy.")
def test(shell: Shell, table: Path, folder: Path | None, force: bool) -> None:
    """Ask the policies what each case of the table gives, and compare verdict and rules with what it expects.

    The home's working copy is tested, else --dir or --in-force. Grants are taken as given. Fails where a case differs.
    """
    from infrafabric.control.policies import in_force, working_copy
    from infrafabric.policy.cases import read_table, run_case
    from infrafabric.policy.cedar import load_policies
    from infrafabric.registry.plain_yaml import loads

    if force and folder is not None:
        raise FabricError(Code.USAGE, "--dir and --in-force exclude each other")
    data = shell.read_file(table, MAX_TABLE)
    try:
        cases = read_table(loads(data))
    except FabricError as error:
        raise FabricError(Code.POLICY_TABLE, f"{table}: {error.message}") from None
    policies = load_policies(look(shell, lambda house: in_force(house) if force else working_copy(house, folder)))
    outcomes = [run_case(policies, case) for case in cases]
    missed = [one for one in outcomes if not one.agrees]
    rows: list[dict[str, Any]] = [
        {
            "name": one.case.name,
            "agrees": one.agrees,
            "verdict": one.judged.verdict.value,
            "rules": list(one.judged.rules),
            "reason": one.judged.reason,
            "expected": dict(one.expected),
            "found": dict(one.found),
        }
        for one in outcomes
    ]

    def render(console: Console) -> None:
        for row in rows:
            console.print(f"{'ok  ' if row['agrees'] else 'MISS'}  {visible(row['name'])}")
            for member, wanted in row["expected"].items():
                console.print(f"      - {member}: {visible(_shown(wanted))}")
                console.print(f"      + {member}: {visible(_shown(row['found'][member]))}")
            if not row["agrees"]:
                console.print(f"        {visible(row['reason'])}")
        console.print(f"{len(rows) - len(missed)} of {len(rows)} cases as expected, {policies.digest}")

    shell.result({"digest": policies.digest, "cases": rows, "missed": len(missed)}, render)
    if missed:
        shell.failed(FabricError(Code.POLICY_CASES, f"{len(missed)} of {len(rows)} cases came out otherwise"))


@policy.add_command
@command("schema", short_help="The Cedar schema that policies are written against.")
def schema(shell: Shell) -> None:
    """Print the schema: which entities and actions there are, and what a policy may ask of them."""
    from infrafabric.policy.schema import schema_text

    text = schema_text()
    shell.result({"schema": text}, lambda console: console.print(text, soft_wrap=True, end=""))


def _difference(differs: dict[str, str]) -> str:
    if not differs:
        return "the working copy is what is in force"
    return "not in force yet: " + ", ".join(f"{visible(name)} ({how})" for name, how in differs.items())


def _asks(needs: dict[str, Any] | None) -> str:
    if needs is None:
        return ""
    roles = f" of {', '.join(needs['roles'])}" if needs["roles"] else ""
    source = " or a second source" if needs["source"] else ""
    return f"{needs['people']} {'person' if needs['people'] == 1 else 'people'}{roles}{source}"


def _shown(value: Any) -> str:
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)
