"""The three standard streams: there may be none, nobody at their other end, or no room behind them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["OutputLost", "ensure_streams", "silence", "writing_stdout"]


class OutputLost(Exception):
    """What was to go to stdout could not be written there. Its text says why."""


def ensure_streams() -> None:
    """Give the process descriptors 0 to 2 where it was started without (`>&-`): the null device.

    Otherwise the first files that it opens get those numbers, and whoever writes to "stdout" writes into one of them.
    """
    for wanted, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(wanted)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != wanted:
                os.dup2(opened, wanted)
                os.close(opened)
            os.set_inheritable(wanted, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(wanted, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


@contextmanager
def writing_stdout() -> Iterator[None]:
    """Only for blocks that do nothing but write to stdout. Raises OutputLost; BrokenPipeError where the reader left."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(error.strerror or str(error)) from error


def silence(stream: TextIO) -> None:
    """Send what `stream` still holds, and whatever comes, to the null device.

    Otherwise the interpreter, which flushes it at exit, would complain.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
