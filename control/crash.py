"""Faults of InfraFabric's own: their tracebacks, secrets masked, in the home's `crash/` folder, and nowhere else."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["keep_crash"]

MOST = 1_000
"""Files in the folder: a fault that a caller can repeat fills no disk."""


def keep_crash(
    error: BaseException, trace: str, folder: Path | None, redact: Callable[[str], str], *, tell_where: bool = True
) -> FabricError:
    """Keep the traceback in a file that only the home's user can read. Gives IF_ERR_INTERNAL to answer with.

    `folder` None is the system's for temporary files. `tell_where` names the file: not for callers from elsewhere.
    """
    text = redact("".join(traceback.format_exception(error))).encode("utf-8", "backslashreplace")
    try:
        if folder is not None and sum(1 for _ in os.scandir(folder)) >= MOST:
            raise OSError(errno.EDQUOT, f"{MOST} are there already")
        descriptor, name = tempfile.mkstemp(prefix=f"{trace}-", suffix=".txt", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        where = f"its traceback is in {name}" if tell_where else "its traceback is in the home's crash folder"
    except OSError as problem:
        where = f"its traceback could not be kept: {problem.strerror}"
    return FabricError(Code.INTERNAL, f"{type(error).__name__} under trace {trace}; {where}")
