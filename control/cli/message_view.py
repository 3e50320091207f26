"""Messages for people. What a message says is its sender's word and shown escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show_answer", "show_sender", "show_verified"]

_COLOURS = {"SHARE": "green", "HOLD": "yellow", "ESCALATE": "red"}


def show_answer(console: Console, answer: Mapping[str, Any]) -> None:
    """The verdict, where the message stands in the log, and what became of a request."""
    from rich.text import Text

    rules = f" ({', '.join(answer['rules'])})" if answer["rules"] else ""
    verdict = Text(answer["verdict"], style=_COLOURS[answer["verdict"]])
    console.print(
        Text.assemble(("verdict  ", "bold"), verdict, f"{rules}, confidence counts as {answer['confidence']}")
    )
    gap = f", {answer['gap']} left out before it" if answer["gap"] else ""
    console.print(f"message  {answer['id']}, number {answer['seq']} of {answer['sender']}{gap}", soft_wrap=True)
    console.print(f"entry    {answer['index']} at {answer['at']}")
    report = answer.get("report")
    if report is not None:
        console.print(
            f"outcome  {report['outcome']}: {report['capability']} on {visible(report['target'] or '-', 100)}"
        )
        console.print(f"action   {report['action']}  trace {report['trace']}", soft_wrap=True)


def show_verified(console: Console, shape: Mapping[str, Any]) -> None:
    """What was found of an envelope, line by line."""
    for name in ("sender", "performative", "seq", "issued_at", "ttl_s", "key"):
        console.print(f"{name:<13}{visible(str(shape[name]), 200)}", soft_wrap=True)
    console.print(f"{'signature':<13}{'holds' if shape['signature'] else 'does NOT hold'}")
    if shape["admissible"] is not None:
        console.print(f"{'admissible':<13}{'yes' if shape['admissible'] else 'no'}")


def show_sender(console: Console, shape: Mapping[str, Any]) -> None:
    last = f"{shape['seq']}, message {shape['last']} at {shape['at']}" if shape["last"] else "none yet"
    console.print(f"sender   {shape['sender']}", soft_wrap=True)
    console.print(f"last     {last}", soft_wrap=True)
    console.print(f"next     {shape['next']}")
    console.print(f"nonces   {shape['nonces']} remembered")
    console.print(f"key      {shape['key'] or 'none: `ifctl talent key` makes or enrols one'}", soft_wrap=True)
