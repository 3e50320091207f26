"""What a driver on lasting connections makes of a manifest and a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from infrafabric.kernel.ports import DriverCall
from infrafabric.kernel.words.manifest import Effect
from infrafabric.transports.lasting.link import Course, Link

__all__ = ["Called", "Exchanged", "O", "Opening", "T"]


class Opening(Protocol):
    """A compiled `connection`: how a connection is opened and spoken on."""

    @property
    def key(self) -> str:
        """The same for equal specs: those share a connection."""
        ...

    @property
    def secrets(self) -> frozenset[str]:
        """The secrets that opening takes."""
        ...

    @property
    def settings(self) -> frozenset[str]:
        """The settings that opening takes, beside those of the base."""
        ...


O = TypeVar("O", bound=Opening)  # noqa: E741
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What came of a call, before it is redacted and bounded."""

    value: Mapping[str, Any]
    ok: bool = True
    problem: str = ""
    """What the peer says is wrong, in its own words."""
    conclusive: bool = True


@dataclass(frozen=True, slots=True)
class Called(Generic[T]):
    """A call on its way: its template, the connection to ask it on, and how far it has come."""

    call: DriverCall
    effect: Effect
    template: T
    secrets: Mapping[str, str]
    link: Link
    course: Course

    @property
    def sure(self) -> bool:
        """Whether it must not be sent on a connection that may be dead: a write that must not be sent twice."""
        return not (self.effect.is_read or self.effect.repeatable)
