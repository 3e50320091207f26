"""The frame of the CLI: lazy groups, `--json` and `--home` on every command, and one way for things to go wrong.

Exit status: 0 done; 1 refused or failed; 2 not understood; 130 interrupted. No traceback reaches a user: a fault of
InfraFabric's own becomes IF_ERR_INTERNAL with the trace token, and its traceback goes, secrets masked, to the home's
`crash/` folder.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from infrafabric.control.cli.shell import Shell, columns
from infrafabric.control.cli.streams import OutputLost, silence, writing_stdout
from infrafabric.control.cli.untrusted import visible
from infrafabric.control.crash import keep_crash
from infrafabric.kernel.errors import Code, FabricError

__all__ = [
    "INTERRUPTED",
    "FabricCommand",
    "Lazy",
    "LazyGroup",
    "Root",
    "await_",
    "changing",
    "command",
    "reasoned",
    "refusal",
    "stop",
    "traced",
]

INTERRUPTED = 130
"""What shells give a process that SIGINT ended: 128 + 2."""

T = TypeVar("T")
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

_USAGE_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command is, and its line in its group's help, so that help need not import it."""

    module: str
    attribute: str
    help: str


class LazyGroup(click.Group):
    """A group whose members are imported when they are called."""

    def __init__(self, *args: Any, members: Mapping[str, Lazy] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.members = dict(members or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.members, *(name for name in self.commands if name not in self.members)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        lazy = self.members.get(name)
        if lazy is None:
            return super().get_command(ctx, name)
        found = getattr(import_module(lazy.module), lazy.attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            lazy = self.members.get(name)
            text = lazy.help if lazy is not None else self.commands[name].get_short_help_str(90)
            rows.append((name, text))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class FabricCommand(click.Command):
    """A command that answers as text or JSON, about one home."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(click.Option(["--json", "as_json"], is_flag=True, help="Answer in JSON."))
        self.params.append(
            click.Option(
                ["--home"], type=click.Path(path_type=Path), metavar="DIR",
                help="The home; else INFRAFABRIC_HOME, else the platform's data folder.",
            )
        )  # fmt: skip
        self.params.append(
            click.Option(
                ["--passphrase-file"], type=click.Path(path_type=Path), metavar="FILE",
                help="Read the passphrase here; else INFRAFABRIC_PASSPHRASE, else it is asked for.",
            )
        )  # fmt: skip

    def invoke(self, ctx: click.Context) -> Any:
        shell = ctx.find_object(Shell)
        assert shell is not None
        shell.as_json = ctx.params.pop("as_json") or shell.as_json
        home = ctx.params.pop("home")
        if home is not None:
            shell.home_option = home
        shell.passphrase_file = ctx.params.pop("passphrase_file")
        if token := ctx.params.pop("trace_token", None):
            shell.trace = token
        return super().invoke(ctx)


def command(name: str, **options: Any) -> Callable[[Callable[..., Any]], FabricCommand]:
    """A command whose function takes the `Shell` first."""

    def made(function: Callable[..., Any]) -> FabricCommand:
        return click.command(name, cls=FabricCommand, **options)(click.pass_obj(function))

    return made


def traced(function: AnyFunction) -> AnyFunction:
    """Adds --trace-token: the trace that the command's entries go under."""
    return click.option(
        "--trace-token", metavar="ID", help="Trace token to go under: 32 hex digits, a uuid, or a traceparent."
    )(function)


def reasoned(function: AnyFunction) -> AnyFunction:
    """Adds --why, which whatever changes something requires."""
    return click.option("--why", metavar="TEXT", help="Why; required, and recorded in the log.")(function)


def changing(function: AnyFunction) -> AnyFunction:
    """Adds --why and --trace-token."""
    return reasoned(traced(function))


def await_(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` on the event loop that the kernel uses.

    What fails in the loop beside `work` is kept like any internal fault, rather than printed with its traceback.
    """
    import asyncio

    import anyio

    shell = click.get_current_context().find_object(Shell)

    def noted(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception") or RuntimeError(context.get("message", "unknown"))
        if shell is not None:
            shell.say(_internal(shell, error).message)

    async def watched() -> T:
        asyncio.get_running_loop().set_exception_handler(noted)
        return await work()

    return anyio.run(watched, backend_options={"use_uvloop": sys.platform != "win32"})


class Root(LazyGroup):
    """The top of the CLI: makes the `Shell`, and turns whatever is raised below into an answer and an exit status."""

    def main(self, args: Sequence[str] | None = None, *_: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        shell = Shell()
        # A usage error is found before options are known, and must be answered in JSON all the same.
        shell.as_json = "--json" in (given[: given.index("--")] if "--" in given else given)
        extra.pop("obj", None)

        def run() -> Any:
            _check_words(given)
            columns()
            return super(Root, self).main(given, standalone_mode=False, obj=shell, **extra)

        status = _guarded(shell, run)
        if standalone_mode:
            sys.exit(status)
        return status


def _check_words(given: Sequence[str]) -> None:
    """Refuse what is not text: it could neither be signed, stored nor shown. The word itself is not repeated."""
    for position, word in enumerate(given, 1):
        try:
            word.encode()
        except UnicodeEncodeError:
            remedy = "Type it in UTF-8."
            raise FabricError(Code.USAGE, f"word {position} after ifctl is not UTF-8", remedy=remedy) from None


def _guarded(shell: Shell, work: Callable[[], Any]) -> int:
    try:
        answer = work()
        with writing_stdout():
            pass
        return answer if isinstance(answer, int) else 0
    except BaseException as raised:
        return _answered(shell, _bare(raised))


def _answered(shell: Shell, raised: BaseException) -> int:
    if isinstance(raised, (KeyboardInterrupt, click.exceptions.Abort)):
        return _interrupted(shell)
    if isinstance(raised, (SystemExit, GeneratorExit)):
        raise raised
    if isinstance(raised, BrokenPipeError):
        # The reader went away: point stdout elsewhere, or the interpreter complains while it flushes at exit.
        silence(sys.stdout)
        return 1
    if isinstance(raised, OutputLost) or (isinstance(raised, OSError) and _echoed(raised)):
        return _lost(shell, raised)
    if isinstance(raised, click.ClickException):
        return _usage(shell, raised)
    return _told(shell, refusal(shell, raised))


def _told(shell: Shell, error: FabricError) -> int:
    try:
        shell.error(error)
    except (BrokenPipeError, OutputLost):
        silence(sys.stdout)
        shell.as_json = False
        shell.error(error)
    return error.spec.exit_code


def refusal(shell: Shell, raised: BaseException) -> FabricError:
    """What was raised as a refusal with a code: a fault of InfraFabric's own is kept and becomes IF_ERR_INTERNAL."""
    bare = _bare(raised)
    return bare if isinstance(bare, FabricError) else _internal(shell, bare)


def _interrupted(shell: Shell) -> int:
    shell.say("interrupted")
    return INTERRUPTED


def _echoed(error: OSError) -> bool:
    """Whether it was click that could not print its help or version."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code is click.echo.__code__ for frame, _ in frames)


def _lost(shell: Shell, raised: OutputLost | OSError) -> int:
    """The answer could not be written, so that is said on stderr, also where JSON was asked for."""
    silence(sys.stdout)
    why = raised.strerror if isinstance(raised, OSError) else str(raised)
    shell.as_json = False
    error = FabricError(Code.FILE_UNWRITABLE, f"stdout: {why}", remedy="What was done is done: `ifctl witness query`.")
    shell.error(error)
    return error.spec.exit_code


def _usage(shell: Shell, error: click.ClickException) -> int:
    if shell.as_json:
        return _told(shell, FabricError(Code.USAGE, visible(error.format_message(), 1_000)))
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        shell.tell(error.format_message())
    else:
        if isinstance(error, click.UsageError) and error.ctx is not None:
            shell.tell(error.ctx.get_usage())
        shell.error(FabricError(Code.USAGE, visible(error.format_message(), 1_000)))
    return FabricError(Code.USAGE, "").spec.exit_code


def _bare(error: BaseException) -> BaseException:
    """The one thing that went wrong, out of the groups that task groups wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        inner = error.exceptions
        telling = [one for one in inner if not isinstance(one, FabricError)] or list(inner)
        error = telling[0]
    return error


def _internal(shell: Shell, error: BaseException) -> FabricError:
    """Keep the traceback, secrets masked, where only the user can read it, and say no more than where."""
    return keep_crash(error, shell.trace, _crash_folder(shell), shell.redact)


def _crash_folder(shell: Shell) -> Path | None:
    """The home's folder for tracebacks; None, which is the system's for temporary files, where there is no home."""
    try:
        return shell.home().crash
    except FabricError:
        return None


def stop(message: str) -> NoReturn:
    """Refuse the command line as not understood."""
    raise click.UsageError(message)
