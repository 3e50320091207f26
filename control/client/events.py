"""Server-sent events (WHATWG HTML, section 9.2) as the kernel sends them, without any I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Event", "Events"]

MOST_LINE = 8 << 20


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the log, as it became durable."""

    index: int
    kind: str
    data: Mapping[str, Any]


class Events:
    """Makes events of the stream's lines, and keeps the place to go on from."""

    def __init__(self, last: int | None = None) -> None:
        self.last = last
        """Index of the last event; None before the first."""
        self._kind, self._id = "", ""
        self._data: list[str] = []

    def line(self, text: str) -> Iterator[Event]:
        """Take one line without its end. Raises IF_ERR_SERVER_ANSWER."""
        if len(text) > MOST_LINE:
            raise FabricError(Code.SERVER_ANSWER, "an event is longer than any entry")
        if not text:
            yield from self._event()
            return
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._kind = value
            case "id":
                self._id = value
            case "data":
                self._data.append(value)

    def _event(self) -> Iterator[Event]:
        kind, name, data = self._kind, self._id, "\n".join(self._data)
        self._kind, self._id, self._data = "", "", []
        if not data or not name.isdecimal():
            return
        try:
            shape = json.loads(data)
        except ValueError:
            raise FabricError(Code.SERVER_ANSWER, f"event {name} is no JSON") from None
        self.last = int(name)
        yield Event(self.last, kind, shape)
