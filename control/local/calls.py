"""What ifctl asks of a running kernel, by name, with what each call takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused
from infrafabric.kernel.words.plan import Outcome

__all__ = [
    "Act", "Admit", "Adopt", "Approve", "Call", "Cancel", "Close", "ConfirmClock", "ConsoleLink", "Erase", "Expire",
    "Falsify", "Listen", "Record", "Refresh", "Refuse", "Replay", "Send", "Undo",
]  # fmt: skip


class Call(Word):
    """A call's arguments. Its name on the wire is the class's."""

    proven: ClassVar[bool] = True
    """Whether its caller must show the log's key."""

    @classmethod
    def name(cls) -> str:
        return cls.__name__


class Act(Call):
    ask: Mapping[str, Any]
    """As `wire.ask_to` makes it."""


class Send(Call):
    """Admit a message."""

    frame: str
    """Base64."""


class Undo(Call):
    action: str
    talent: str
    why: str
    trace: str
    idempotency_key: str
    unattended: bool = False


class Approve(Call):
    action: str
    given: ApprovalGiven


class Refuse(Call):
    action: str
    refused: ApprovalRefused


class Falsify(Call):
    action: str
    talent: str
    why: str


class Expire(Call):
    pass


class Replay(Call):
    action: str


class Close(Call):
    action: str
    outcome: Outcome
    talent: str
    why: str


class Cancel(Call):
    action: str
    talent: str
    why: str


class Admit(Call):
    """Whether an ask would be turned away before it is planned."""

    ask: Mapping[str, Any]


class Listen(Call):
    """Hear what the target of an ask tells of itself, until either side hangs up."""

    ask: Mapping[str, Any]


class Record(Call):
    """Append what an operator changed."""

    entries: tuple[Mapping[str, Any], ...]
    """Each as `wire.entry_to` makes it."""
    since: int
    """Size of the log that the caller has seen: what was changed after it is not written over."""


class Adopt(Call):
    """Make a signed trust set the home's."""

    document: str
    """Base64."""
    change: str
    why: str
    trace: str


class Erase(Call):
    index: int
    why: str
    talent: str
    trace: str


class ConfirmClock(Call):
    why: str
    talent: str
    trace: str


class ConsoleLink(Call):
    """A one-time link to the console; `{"url": …}`."""

    talent: str


class Refresh(Call):
    """Look again at the vault and the bundles in the home: somebody changed them."""

    proven: ClassVar[bool] = False  # the kernel looks at its own folders, and nothing comes from the caller
