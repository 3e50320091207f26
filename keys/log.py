"""The one logger: what a kernel and its extensions have to say beside answers and entries, as structured lines.

Every line goes through one processor that masks secrets and escapes control characters, tracebacks too. Bare `logging`
is banned by lint; what libraries log through it comes here as well (see `library_log`). A log line proves nothing: what
was done is in the entries. Import this where something is to be said: structlog takes a while to import.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog

__all__ = ["Logger", "make_logger"]

MAX_TEXT = 4_000
"""Characters of one value in a line."""

Logger = structlog.typing.FilteringBoundLogger
"""`log.info("event", name=value)`, and `warning`, `error`, `exception`."""


def make_logger(redact: Callable[[str], str], write: Callable[[str], None], *, as_json: bool = False) -> Logger:
    """A logger whose lines go to `write`, without line end: `TIME LEVEL EVENT name=value …`, or one JSON object each.

    No call of it raises because of what it is given: a value that cannot be shown is named as such.
    """
    render = _json if as_json else _text

    class Lines:
        """What structlog calls a logger: where rendered lines go."""

        def msg(self, line: str) -> None:
            write(line)

        debug = info = warning = error = critical = msg

    logger: Logger = structlog.wrap_logger(
        Lines(),
        processors=[structlog.processors.add_log_level, _raised, _masking(redact), render],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        context_class=dict,
        cache_logger_on_first_use=False,
    )
    return logger


_Event = MutableMapping[str, Any]


def _raised(_: object, __: str, event: _Event) -> _Event:
    """`exc_info` as the text of its traceback."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    if isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event["raised"] = "".join(traceback.format_exception(given))
    return event


def _masking(redact: Callable[[str], str]) -> Callable[[object, str, _Event], _Event]:
    def masked(_: object, __: str, event: _Event) -> _Event:
        # Whole values are masked before anything is cut or escaped: half a secret would not be recognized.
        return {_shown(redact, name): _shown(redact, value) for name, value in event.items()}

    return masked


def _shown(redact: Callable[[str], str], value: object) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:
        text = f"({type(value).__name__} that cannot be shown)"
    text = redact(text)
    text = "".join(_plain(character) for character in text[: MAX_TEXT + 1])
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _plain(character: str) -> str:
    """Control, bidirectional and other hidden characters as escapes: a line stays a line, a terminal stays itself."""
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(_: object, __: str, event: _Event) -> str:
    level, said = event.pop("level"), event.pop("event", "")
    more = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in event.items()]
    return " ".join([_now(), level, said, *more])


def _json(_: object, __: str, event: _Event) -> str:
    return json.dumps({"time": _now(), **event})
