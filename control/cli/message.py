"""`ifctl message`: IF.connect v2.1 envelopes. Sign, send, verify, and where a sender stands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import FabricCommand, command, stop
from infrafabric.control.cli.opening import acting, look
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["message"]

MAX_FRAME = 1 << 20
MAX_EVIDENCE = 64 << 20


class FrameCommand(FabricCommand):
    """A command that also takes its file as `--json @FILE`. A bare `--json` asks for the answer in JSON, as always."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = list(args)
        given = False
        for position, word in enumerate(rest[:-1]):
            if word == "--json" and rest[position + 1].startswith("@"):
                rest[position : position + 2] = [rest[position + 1]]
                given = True
                break
        shell = ctx.find_object(Shell)
        assert shell is not None
        if given:
            shell.as_json = "--json" in rest
        return super().parse_args(ctx, rest)


@click.group("message")
def message() -> None:
    """Messages between talents: sign, send, verify them, and see where a sender stands."""


@message.add_command
@click.command("send", cls=FrameCommand, short_help="Have a signed envelope admitted; a request is done.")
@click.argument("frame", metavar="[@]FILE")
@click.option(
    "--evidence", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="A piece of evidence that the claim names: its bytes let the confidence count.",
)  # fmt: skip
@click.option("--receipt", type=click.Path(path_type=Path), metavar="FILE", help="Write the entry's receipt here.")
@click.option("--trace", is_flag=True, help="Print the trace token, and each step as it is passed.")
@click.pass_obj
def send(shell: Shell, frame: str, evidence: tuple[Path, ...], receipt: Path | None, trace: bool) -> None:
    """Send the envelope in FILE, - for stdin: ifctl message send --json @frame.json --trace

    It is admitted once: its sender's key, its time, nonce and number decide, and the log keeps it. A request is then
    done as its sender, and its report shown.
    """
    import orjson

    from infrafabric.control.cli.message_view import show_answer
    from infrafabric.control.messages.frames import with_evidence

    data = _read(shell, frame)
    if evidence:
        data = orjson.dumps(with_evidence(data, [shell.read_file(path, MAX_EVIDENCE) for path in evidence]))
    if receipt is not None:
        shell.check_new(receipt)

    def step(name: str) -> None:
        if trace:
            shell.say(f"  {name}")

    async def work(house: House) -> dict[str, Any]:
        return await house.send(data, step)

    if trace:
        shell.say(f"trace {_trace(data)}")
    answer = acting(shell, work)
    if receipt is not None:
        shell.write_new(receipt, orjson.dumps(answer["receipt"], option=orjson.OPT_SORT_KEYS))
    shell.result(answer, lambda console: show_answer(console, answer))
    if (error := answer.get("error") or answer.get("report", {}).get("error")) is not None:
        shell.failed(
            FabricError(
                Code(error["code"]), error["message"], remedy=error["remedy"], retry_after=error.get("retry_after")
            )
        )


@message.add_command
@command("sign", short_help="Complete a draft and sign it with a talent's key.")
@click.argument("draft", metavar="[@]FILE")
@click.option("--as", "talent", metavar="TALENT", help="Whose key signs, where the draft names no sender.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it here instead of to stdout.")
def sign(shell: Shell, draft: str, talent: str | None, out: Path | None) -> None:
    """Sign the envelope in FILE, - for stdin, with the key that this home keeps for its sender.

    What the draft lacks is filled in: id, conversation_id, issued_at (now), ttl_s (900), seq (the sender's next) and
    nonce.
    """
    from infrafabric.control.cli.streams import writing_stdout
    from infrafabric.control.messages.drafts import signed_draft
    from infrafabric.kernel.canonical import loads

    members = loads(_read(shell, draft), limit=MAX_FRAME)
    data = look(shell, lambda house: signed_draft(house, members, talent))
    if out is not None:
        shell.write_new(out, data)
        shell.result({"file": str(out)}, lambda console: console.print(f"signed: {out}", soft_wrap=True))
        return
    with writing_stdout():
        click.echo(data.decode())


@message.add_command
@click.command("verify", cls=FrameCommand, short_help="Check an envelope; nothing is sent.")
@click.argument("frame", metavar="[@]FILE")
@click.option("--key", "public", metavar="BASE64", help="The sender's public key, as you were given it: takes no home.")
@click.pass_obj
def verify(shell: Shell, frame: str, public: str | None) -> None:
    """Check form and signature of the envelope in FILE, by the key that is enrolled for its sender or by --key.

    With a home it is also said whether it would be admitted now. Exit status 1 where it would not, or does not hold.
    """
    from infrafabric.control.cli.message_view import show_verified
    from infrafabric.control.messages.verifying import checked_by_key, checked_in

    data = _read(shell, frame)
    if public is not None:
        shape, error = checked_by_key(data, public)
    else:
        shape, error = look(shell, lambda house: checked_in(house, data))
    shell.result(shape, lambda console: show_verified(console, shape))
    if error is not None:
        shell.failed(error)


@message.add_command
@command("sender", short_help="Where a sender stands: its last number and the next.")
@click.argument("name", metavar="TALENT")
def sender(shell: Shell, name: str) -> None:
    """Show the number of a sender's last message, the one that comes next, and its enrolled key."""
    from infrafabric.control.cli.message_view import show_sender
    from infrafabric.control.messages.senders import sender_json

    def find(house: House) -> dict[str, Any]:
        talent = house.authority.talent(house.talent_named(name))
        return sender_json(house.reading.facts, talent.id, talent.key)

    shape = look(shell, find)
    shell.result(shape, lambda console: show_sender(console, shape))


def _read(shell: Shell, name: str) -> bytes:
    path = name.removeprefix("@")
    if path == "-":
        data = sys.stdin.buffer.read(MAX_FRAME + 1)
        if len(data) > MAX_FRAME:
            raise FabricError(Code.TOO_LARGE, f"more than {MAX_FRAME} bytes on stdin")
        return data
    if not path:
        stop("name the file of the envelope: @FILE")
    return shell.read_file(Path(path), MAX_FRAME)


def _trace(data: bytes) -> str:
    """The trace that the message goes under. Raises what reading it raises."""
    from infrafabric.control.messages.bodies import trace_of
    from infrafabric.control.messages.frames import read_frame

    return trace_of(read_frame(data, MAX_FRAME, 128 << 20).opened)
