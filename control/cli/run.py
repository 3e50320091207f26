"""`ifctl run`: a list of intents, done in order and taken back in reverse when one fails."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import INTERRUPTED, changing, command, refusal, stop
from infrafabric.control.cli.intent_command import A_LOOK, asker
from infrafabric.control.cli.new_file import NewFile
from infrafabric.control.cli.opening import acting
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.streams import OutputLost
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.control.sequence import Purpose, Sequence, Taken
    from infrafabric.control.steps import Step, Steps
    from infrafabric.kernel.words.manifest import Effect

__all__ = ["read_list", "run"]

_SUFFIX = ".receipt.json"


@command("run", short_help="Do a list of intents in order; undo it when one fails.")
@click.argument("file", metavar="FILE")
@click.option("--plan", "plan_only", is_flag=True, help="Plan every step; write nothing.")
@click.option("--dry-run", is_flag=True, help="Go all the way with every step but write nothing.")
@click.option("--plan-first", is_flag=True, help="Plan every step before the first; a refusal stops the run there.")
@click.option("--as", "talent", metavar="TALENT", help="Who asks; else the operator.")
@click.option("--receipts", type=click.Path(path_type=Path), metavar="DIR", help="Write each action's receipt there.")
@changing
def run(
    shell: Shell,
    file: str,
    plan_only: bool,
    dry_run: bool,
    plan_first: bool,
    talent: str | None,
    receipts: Path | None,
    why: str | None,
) -> None:
    """Do the intents that FILE lists, in order, each an action with its own receipt; - reads stdin.

    When one fails, is refused or is in doubt, what was done is undone in reverse. docs/run.md has the file's form.
    """
    if plan_only + dry_run + plan_first > 1:
        stop("--plan, --dry-run and --plan-first exclude each other")
    purpose: Purpose = "plan" if plan_only else "dry_run" if dry_run else "apply"
    reason = shell.why(why) if purpose == "apply" or why is not None else A_LOOK
    steps = read_list(shell, file)
    files = _opened(shell, receipts, steps, purpose)
    try:
        ran, effects, late = _ran(shell, steps, talent, reason, purpose, plan_first=plan_first)
    except BaseException:
        for new in files.values():
            new.discard()
        raise
    _answer(shell, ran, effects, files, late)


def read_list(shell: Shell, file: str) -> Steps:
    """The list in the file that the caller named.

    Raises IF_ERR_STEPS_INVALID, IF_ERR_FILE_UNREADABLE, IF_ERR_TOO_LARGE.
    """
    from infrafabric.control.steps import MAX_BYTES, read_steps, too_large

    if file == "-":
        return read_steps(sys.stdin.buffer.read(MAX_BYTES + 1))
    try:
        return read_steps(shell.read_file(Path(file), MAX_BYTES))
    except FabricError as error:
        raise too_large(error.message) if error.code is Code.TOO_LARGE else error from None


def _ran(
    shell: Shell, steps: Steps, talent: str | None, why: str, purpose: Purpose, *, plan_first: bool
) -> tuple[Sequence, dict[str, Any], BaseException | None]:
    """The run, the templates that its plans were made under, and what went wrong around it.

    Raises what stopped it before the first step was begun.
    """
    from infrafabric.control.cli.plan_view import signed_effects
    from infrafabric.control.cli.signals import hearing_signals
    from infrafabric.control.sequence import Sequence

    runs: list[Sequence] = []
    effects: dict[str, dict[str, Effect]] = {}

    async def work(house: House) -> None:
        sequence = Sequence(
            house, steps, asker(house, talent), why, shell.trace, purpose, plan_first, _teller(shell, steps)
        )
        runs.append(sequence)

        def ended() -> None:
            if sequence.well:
                shell.say("all of it is done already")
                return
            again = sequence.stopped
            sequence.stop()
            more = "nothing more is taken back" if again else "once more leaves what was done"
            shell.say(f"stopping: the action under way is ended first; {more}")

        with hearing_signals(ended):
            await sequence.run()
        for taken in sequence.taken:
            if taken.report is not None:
                effects[taken.step.capability] = dict(signed_effects(house, taken.report))

    late: BaseException | None = None
    try:
        acting(shell, work)
    except BaseException as raised:
        if not (runs and any(taken.begun for taken in runs[0].taken)):
            raise
        late = raised
    return runs[0], effects, late


def _teller(shell: Shell, steps: Steps) -> Any:
    order = {step.id: number for number, step in enumerate(steps.steps, 1)}

    def heard(what: str, taken: Taken) -> None:
        from infrafabric.control.cli.run_view import step_title

        name = f"{order[taken.step.id]}/{len(order)} {taken.step.id}"
        if what == "begins":
            shell.progress(f"step {name}: {step_title(taken)}")
        elif what == "taking_back":
            shell.progress(f"taking back step {name}")

    return heard


def _opened(shell: Shell, folder: Path | None, steps: Steps, purpose: Purpose) -> dict[str, NewFile]:
    """A fresh file a step, so that nothing is begun whose receipt could not be kept; those of undos are found free."""
    files: dict[str, NewFile] = {}
    if folder is None:
        return files
    try:
        for number, step in enumerate(steps.steps, 1):
            files[step.id] = NewFile(folder / _file_name(number, step))
            if purpose == "apply":
                shell.check_new(folder / _file_name(number, step, "-undo"))
    except FabricError:
        for new in files.values():
            new.discard()
        raise
    return files


def _file_name(number: int, step: Step, suffix: str = "") -> str:
    return f"{number:03}-{step.id}{suffix}{_SUFFIX}"


def _answer(
    shell: Shell, ran: Sequence, effects: dict[str, Any], files: dict[str, NewFile], late: BaseException | None
) -> None:
    """Keep the receipts, show the run with whatever failed since, and fail with the first of its errors."""
    from infrafabric.control.cli.run_view import run_json, show_run

    development = shell.home().is_development
    shape = run_json(ran, effects)
    errors = [_of_step(ran.failed, ran.error) if ran.failed is not None else ran.error] if ran.error is not None else []
    errors += [_of_step(taken, taken.undo_error) for taken in ran.taken if taken.undo_error is not None]
    if unkept := _kept(shell, ran, files):
        shape["receipt_errors"] = [error.as_json() for error in unkept]
        errors += unkept
    if isinstance(late, Exception):
        afterwards = refusal(shell, late)
        shape["afterwards"] = afterwards.as_json()
        errors.append(afterwards)
    elif late is not None and not ran.well:
        errors.append(FabricError(Code.INTERRUPTED, "the run was cut off"))
    if errors:
        shape.setdefault("error", errors[0].as_json())

    def render(console: Console) -> None:
        show_run(console, ran, effects, development=development)

    try:
        shell.result(shape, render)
    except OutputLost:
        shell.say(f"run {ran.trace}: {ran.ended.value}")
        raise
    if late is not None and not isinstance(late, Exception):
        raise late
    if ran.stopped and ran.error is not None:
        for error in errors if not shell.as_json else ():
            shell.error(error)
        raise click.exceptions.Exit(INTERRUPTED)
    if errors:
        shell.failed(*errors)


def _of_step(taken: Taken, error: FabricError) -> FabricError:
    return FabricError(error.code, f"step {taken.step.id}: {error.message}", remedy=error.remedy)


def _kept(shell: Shell, ran: Sequence, files: dict[str, NewFile]) -> list[FabricError]:
    """What kept receipts from being written, step by step."""
    problems = []
    for number, taken in enumerate(ran.taken, 1):
        file = files.get(taken.step.id)
        if file is None:
            continue
        try:
            if taken.report is None or taken.report.receipt is None:
                file.discard()
            else:
                file.keep(taken.report.receipt)
            if taken.undo is not None and taken.undo.receipt is not None:
                _free(file.path.with_name(_file_name(number, taken.step, "-undo"))).keep(taken.undo.receipt)
        except FabricError as error:
            problems.append(error)
    return problems


def _free(path: Path) -> NewFile:
    """A fresh file at `path`, or beside it where another took the name since the run began."""
    stem = path.name.removesuffix(_SUFFIX)
    for number in range(2, 100):
        try:
            return NewFile(path)
        except FabricError as error:
            if error.code is not Code.EXISTS:
                raise
            path = path.with_name(f"{stem}-{number}{_SUFFIX}")
    return NewFile(path)
