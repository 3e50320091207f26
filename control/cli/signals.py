"""SIGINT, SIGTERM and SIGHUP as something that a command hears rather than dies of."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["hearing_signals"]


@contextmanager
def hearing_signals(ended: Callable[[], None]) -> Iterator[None]:
    """While it is open, SIGINT, SIGTERM and SIGHUP call `ended` in the running event loop, and do nothing else.

    A SIGHUP that is ignored, as under nohup, stays so. Outside the main thread, which alone hears signals, nothing is
    altered.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        numbers.append(hangup)
    before = {number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(ended)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
