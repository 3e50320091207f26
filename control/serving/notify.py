"""Telling systemd how far the kernel is: sd_notify(3), Type=notify."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

__all__ = ["notify"]

VARIABLE = "NOTIFY_SOCKET"


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whoever started this process, where it wants to be told: `READY=1`, `STOPPING=1`. Whether it was told."""
    place = environment.get(VARIABLE, "")
    if not place.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        # A name that begins with @ is in the abstract namespace (unix(7)), where it begins with a zero byte.
        told.connect(f"\0{place[1:]}" if place.startswith("@") else place)
        told.sendall(state.encode("utf-8"))
        return True
    return False
