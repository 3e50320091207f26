"""Anchoring again and again, beside a working kernel."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from infrafabric.control.anchor_place import LASTING
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["anchor_every", "parse_every"]

_EVERY = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_every(text: str) -> int:
    """Seconds of 30s, 15m, 2h or 3d, at most 30 days. Raises IF_ERR_USAGE."""
    found = _EVERY.fullmatch(text)
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else 0
    if not 0 < seconds <= 30 * 86400:
        raise FabricError(Code.USAGE, f"--every: {text[:60]!r} is no time up to 30d; one is 15m, 2h or 3d")
    return seconds


def anchor_every(seconds: int, write: Callable[[], Path], say: Callable[[str], None]) -> list[Path]:
    """The anchors written: call `write` at once and then every `seconds`, until SIGINT or SIGTERM.

    A place that cannot be written, or a log that is busy, is told to `say` and tried again. Any other error ends it.
    """
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    written: list[Path] = []
    try:
        while not ended.is_set():
            try:
                path = write()
            except FabricError as error:
                if error.code not in LASTING:
                    raise
                say(f"{error.code.value}: {error.message}; trying again in {seconds} s")
            else:
                if path not in written[-1:]:
                    say(f"anchored in {path}")
                    written.append(path)
            ended.wait(seconds)
        return written
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
