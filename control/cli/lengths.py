"""Lengths of time on the command line: `0s`, `30m`, `12h` or `7d`."""

from __future__ import annotations

import re

import click

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["overlap"]

_LENGTH = re.compile(r"([0-9]{1,6})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def overlap(_: click.Context, option: click.Parameter, text: str) -> int:
    """Seconds that something old goes on beside something new. Raises IF_ERR_USAGE."""
    from infrafabric.control.records.kept_secrets import LONGEST_OVERLAP_S

    found = _LENGTH.fullmatch(text)
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else -1
    if not 0 <= seconds <= LONGEST_OVERLAP_S:
        raise FabricError(Code.USAGE, f"{option.opts[0]}: {text[:60]!r} is no time up to 90d; one is 30m, 1h or 7d")
    return seconds
