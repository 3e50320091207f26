"""`ifctl watch`: wanted and actual, compared again and again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import INTERRUPTED, changing, stop
from infrafabric.control.cli.intent_command import A_LOOK, IntentCommand, asker, given_hazards, given_intent
from infrafabric.control.cli.opening import acting
from infrafabric.control.cli.run import read_list
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.streams import writing_stdout
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.control.steps import Step
    from infrafabric.control.watched import Event

__all__ = ["watch"]

_LENGTH = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _length(_: click.Context, option: click.Parameter, text: str | None) -> int | None:
    """Seconds of 30s, 15m, 2h or 3d, at most 30 days. Raises IF_ERR_USAGE."""
    if text is None:
        return None
    found = _LENGTH.fullmatch(text)
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else 0
    if not 0 < seconds <= 30 * 86_400:
        name = option.opts[0]
        raise FabricError(Code.USAGE, f"{name}: {text[:60]!r} is no time up to 30d; one is 30s, 15m or 2h")
    return seconds


@click.command("watch", cls=IntentCommand, short_help="Keep comparing wanted and actual.")
@click.argument("name", metavar="[CAPABILITY]", required=False)
@click.option("--on", "target", metavar="TARGET", help="The target, where there is more than one.")
@click.option("--as", "talent", metavar="TALENT", help="Who asks; else the operator.")
@click.option("--set", "settings", metavar="FIELD=VALUE", multiple=True, help="A field: JSON or text.")
@click.option("--intent", "intent_file", metavar="FILE", help="The intent as a JSON file; - reads stdin.")
@click.option(
    "--hazard", "hazards", metavar="NAME", multiple=True, callback=given_hazards, help="A hazard that you know of."
)
@click.option("--file", "list_file", metavar="FILE", help="Watch a list of intents, as `ifctl run` takes it.")
@click.option(
    "--every",
    metavar="TIME",
    default="1m",
    show_default=True,
    callback=_length,
    help="How often to look: 10s, 5m, 2h.",
)
@click.option("--once", is_flag=True, help="Look once: exit 0 in sync, 1 not.")
@click.option("--for", "for_s", metavar="TIME", callback=_length, help="End after this time: exit 0 in sync, 1 not.")
@click.option("--apply", "apply_drift", is_flag=True, help="Apply when it differs; needs --why.")
@changing
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    name: str | None,
    list_file: str | None,
    every: int,
    once: bool,
    for_s: int | None,
    apply_drift: bool,
    talent: str | None,
    why: str | None,
    **given: Any,
) -> None:
    """Compare an intent with what is, again and again, and report when the difference changes. Ctrl-C ends it.

    With --apply the difference is applied too, unless another hand keeps taking it back. Each look is an action in the
    log. Other commands that change something wait meanwhile: one kernel a home.
    """  # fmt: skip
    shell = ctx.find_object(Shell)
    assert shell is not None
    if (name is None) == (list_file is None):
        stop("name a CAPABILITY, or a list of intents with --file")
    if once and for_s is not None:
        stop("--once and --for exclude each other")
    reason = shell.why(why) if apply_drift or why is not None else A_LOOK
    if list_file is not None:
        if any(given.values()):
            stop("--on, --set, --intent and --hazard belong to a CAPABILITY, not to a list")
        steps = read_list(shell, list_file).steps
    else:
        assert name is not None
        steps = (_step(ctx, shell, name, **given),)
    in_sync, signalled = _watched(shell, steps, talent, reason, every, once=once, for_s=for_s, apply_drift=apply_drift)
    if not in_sync and (once or for_s is not None):
        raise click.exceptions.Exit(INTERRUPTED if signalled else 1)


def _step(
    ctx: click.Context, shell: Shell, name: str, *, target: str | None, settings: tuple[str, ...],
    intent_file: str | None, hazards: tuple[str, ...],
) -> Step:  # fmt: skip
    from infrafabric.control.steps import Step
    from infrafabric.kernel.words.names import capability_id, short_name

    capability = capability_id(name)
    intent = given_intent(ctx, shell, settings, intent_file)
    # What is wrong with a name is said as of any other command: when it is looked up.
    return Step.model_construct(
        id=short_name(capability), capability=capability, on=target, intent=intent, hazards=hazards
    )


def _watched(
    shell: Shell, steps: tuple[Step, ...], talent: str | None, why: str, every: int, *, once: bool,
    for_s: int | None, apply_drift: bool,
) -> tuple[bool, bool]:  # fmt: skip
    """Whether all was in sync when it was last looked at, and whether a signal ended the watch."""
    from infrafabric.control.cli.signals import hearing_signals
    from infrafabric.control.watched import Pace
    from infrafabric.control.watching import Watch

    shell.one_line = True

    async def work(house: House) -> tuple[bool, bool]:
        def tell(step: Step, event: Event) -> None:
            _show(shell, house, step, event, named=len(steps) > 1)

        pace = Pace(every_s=every)
        running = Watch(house, steps, asker(house, talent), why, shell.trace, pace, tell, apply_drift)
        signalled: list[bool] = []

        def ended() -> None:
            signalled.append(True)
            running.stop()

        async with house.anchoring(shell.say):
            with hearing_signals(ended):
                if not once:
                    shell.progress(f"looking every {every} s; Ctrl-C ends it")
                await running.run(once=once, for_s=for_s)
        return running.in_sync, bool(signalled)

    return acting(shell, work)


def _show(shell: Shell, house: House, step: Step, event: Event, *, named: bool) -> None:
    from infrafabric.control.cli.plan_view import signed_effects
    from infrafabric.control.cli.watch_view import event_json, show_event

    effects = signed_effects(house, event.report)
    if shell.as_json:
        shell.json(event_json(step, event, effects))
        return
    console = shell.console()
    with writing_stdout():
        show_event(console, step, event, effects, named=named)
