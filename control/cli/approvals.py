"""`ifctl approvals`: plans that wait for people, and answering them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command, refusal, stop
from infrafabric.control.cli.new_file import NewFile
from infrafabric.control.cli.opening import acting, look
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report
    from infrafabric.kernel.words.manifest import Effect

__all__ = ["approvals"]

_ACTIONS = click.argument("actions", metavar="ACTION…", nargs=-1, required=True)
_ALIKE = click.option(
    "--alike",
    type=click.IntRange(min=1),
    metavar="N",
    help="Also all that ask the very same. N is how many `approvals list` shows of it, all together.",
)
_AS = click.option("--as", "person", metavar="PERSON", help="Who answers, with a key in this home; else the operator.")
_RECEIPT = click.option(
    "--receipt",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the receipt here if the action ends.",
)


@click.group("approvals")
def approvals() -> None:
    """Plans that wait for people: read them, agree to them, refuse them."""


@approvals.add_command
@command("list", short_help="What waits, how long, and for whom.")
def list_(shell: Shell) -> None:
    """List what waits for people, with the time left. Questions that ask the same are in one row."""
    from infrafabric.control.cli.approvals_view import batches, questions_json, show_questions

    rows = look(shell, questions_json)
    alike = [[row["action"] for row in batch] for batch in batches(rows)]
    shell.result({"questions": rows, "alike": alike}, lambda console: show_questions(console, rows))


@approvals.add_command
@command("show", short_help="What is asked, before and after.")
@click.argument("action", metavar="ACTION")
def show(shell: Shell, action: str) -> None:
    """Show what an action would change, as the kernel renders it, who asks, and who has agreed."""
    from infrafabric.control.cli.approvals_view import question_json, show_question

    shape, history, effects = look(shell, lambda house: question_json(house, action))
    shell.result(shape, lambda console: show_question(console, shape, history, effects))


@approvals.add_command
@command("approve", short_help="Agree, signed with your key; the action then goes on.")
@_ACTIONS
@_ALIKE
@_AS
@_RECEIPT
@changing
def approve(
    shell: Shell,
    actions: tuple[str, ...],
    alike: int | None,
    person: str | None,
    receipt: Path | None,
    why: str | None,
) -> None:
    """Agree to what `ifctl approvals show` shows. Where nobody else has to, it is planned again and done.

    It is done only if the plan comes out the very same under the very same rules; otherwise it is refused as stale. An
    approval is for one action, counts once, and is used up whatever comes of it.
    """
    reason = shell.why(why)

    async def answer(house: House, action: str) -> Report:
        from infrafabric.control.approver_key import agreement

        asked, approver, key = _at_hand(house, action, person)
        return await house.kernel.approve(action, agreement(asked, approver, key, reason))

    _answer(shell, actions, alike, receipt, answer)


@approvals.add_command
@command("deny", short_help="Refuse, signed with your key; the action ends.")
@_ACTIONS
@_ALIKE
@_AS
@_RECEIPT
@changing
def deny(
    shell: Shell,
    actions: tuple[str, ...],
    alike: int | None,
    person: str | None,
    receipt: Path | None,
    why: str | None,
) -> None:
    """Refuse what waits. Nothing was written, and nothing will be."""
    reason = shell.why(why)

    async def answer(house: House, action: str) -> Report:
        from infrafabric.control.approver_key import objection

        asked, approver, key = _at_hand(house, action, person)
        return await house.kernel.refuse(action, objection(asked, approver, key, reason))

    _answer(shell, actions, alike, receipt, answer, wanted=Code.APPROVAL_REFUSED)


@approvals.add_command
@command("second", short_help="Hand in a second, independent source for a HOLD.")
@click.argument("action", metavar="ACTION")
@click.option("--by", "source", metavar="ACTION2", required=True, help="A plan or dry run of another talent.")
@_RECEIPT
@changing
def second(shell: Shell, action: str, source: str, receipt: Path | None, why: str | None) -> None:
    """Hand in another talent's plan for the same changes, where a HOLD takes a second source.

    It counts if it planned the very same changes on the same target lately, and neither talent owns the other, nor has
    it the same owner.
    """
    reason = shell.why(why)

    async def answer(house: House, name: str) -> Report:
        from infrafabric.control.approver_key import by_source
        from infrafabric.control.cli.approvals_view import history_of

        fact = house.log.facts.get("action", source)
        if fact is None:
            raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {source}")
        return await house.kernel.approve(
            name, by_source(history_of(house, name).asked, fact["talent"], source, reason)
        )

    _answer(shell, (action,), None, receipt, answer)


def _at_hand(house: House, action: str, person: str | None) -> tuple[Any, str, Any]:
    """The question, who answers, and the person's private key."""
    from infrafabric.control.approver_key import key_of
    from infrafabric.control.cli.approvals_view import history_of
    from infrafabric.control.cli.intent_command import asker

    who = asker(house, person)
    asked = history_of(house, action, who).asked
    return asked, who, key_of(house.keystore, who, house.authority.talent(who).key)


@dataclass
class _Answered:
    """What came of the answers so far, action by action."""

    done: list[tuple[str, Report | FabricError, dict[str, Effect]]] = field(default_factory=list)
    late: FabricError | None = None
    """What failed after the last of them."""


def _answer(
    shell: Shell,
    actions: tuple[str, ...],
    alike: int | None,
    receipt: Path | None,
    answer: Callable[[House, str], Awaitable[Report]],
    wanted: Code = Code.APPROVAL_REQUIRED,
) -> None:
    """Answer one after the other and show what came of each. What goes wrong with one leaves the others.

    `wanted` is the code of an ending that is no failure: others still have to agree, or it was to be refused. The
    receipt's file is opened first, so that nothing is answered whose receipt could not be kept.
    """
    if receipt is not None and (len(set(actions)) > 1 or (alike or 1) > 1):
        stop("--receipt is one action's: answer one at a time, or without it")
    file = NewFile(receipt) if receipt is not None else None
    try:
        answered = _all_answered(shell, actions, alike, answer)
    except BaseException:
        if file is not None:
            file.discard()
        raise
    _show(shell, answered, file, wanted)


def _all_answered(
    shell: Shell, actions: tuple[str, ...], alike: int | None, answer: Callable[[House, str], Awaitable[Report]]
) -> _Answered:
    """Answer each; raises only where none was answered."""
    from infrafabric.control.cli.plan_view import signed_effects

    answered = _Answered()

    async def work(house: House) -> None:
        for name in _names(house, actions, alike):
            try:
                report = await answer(house, name)
            except FabricError as error:
                answered.done.append((name, error, {}))
            else:
                answered.done.append((name, report, dict(signed_effects(house, report))))

    try:
        acting(shell, work)
    except Exception as raised:
        if not answered.done:
            raise
        answered.late = refusal(shell, raised)
    return answered


def _names(house: House, actions: tuple[str, ...], alike: int | None) -> list[str]:
    """The actions to answer. Raises IF_ERR_APPROVAL_INVALID where not `alike` of them ask the same."""
    from infrafabric.control.cli.approvals_view import batches, questions_json

    names = list(dict.fromkeys(actions))
    if alike is None:
        return names
    for batch in batches(questions_json(house)):
        rows = [row["action"] for row in batch]
        if set(rows) & set(actions):
            names = list(dict.fromkeys([*names, *rows]))
    if len(names) != alike:
        raise FabricError(
            Code.APPROVAL_INVALID,
            f"{len(names)} questions ask the same now, not {alike}; none was answered",
            remedy="Look again: `ifctl approvals list`. What differs in anything that is shown is not alike.",
        )
    return names


def _show(shell: Shell, answered: _Answered, file: NewFile | None, wanted: Code) -> None:
    """Keep the receipt, show every answer, and fail with the first of their errors."""
    from infrafabric.control.cli.action_view import report_json, show_report

    development = shell.home().is_development
    shapes: list[dict[str, Any]] = []
    errors: list[FabricError] = []
    for name, came, effects in answered.done:
        if isinstance(came, FabricError):
            shapes.append({"action": name, "outcome": None, "error": came.as_json()})
            errors.append(came)
            continue
        shapes.append(report_json(came, effects))
        if came.error is not None and came.error.code is not wanted:
            errors.append(came.error)
    if file is not None:
        [(_, came, _)], [one] = answered.done, shapes
        made = None if isinstance(came, FabricError) else came.receipt
        if (problem := file.end(made)) is not None:
            one["receipt_error"] = problem.as_json()
            errors.append(problem)
        elif made is not None:
            one["receipt"] = str(file.path)
    if answered.late is not None:
        errors.append(answered.late)

    def render(console: Console) -> None:
        for (_, came, effects), shown in zip(answered.done, shapes, strict=True):
            if not isinstance(came, FabricError):
                show_report(console, came, effects, development=development)
                if "receipt" in shown:
                    console.print(f"receipt  {shown['receipt']}", style="dim")
                if came.error is not None and came.error.code is wanted:
                    shell.say(came.error.message)

    shape: dict[str, Any] = {"answers": shapes}
    if errors:
        shape["error"] = errors[0].as_json()
    shell.result(shape, render)
    if errors:
        shell.failed(*errors)
