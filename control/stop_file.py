"""The kill switch as files: `HOME/stops/` says what is halted, also to a kernel that another process runs.

A file a stop, and one for each action that is to be cancelled. A stop is a file first, because that needs no lock, no
log and no passphrase; whoever has the log open records it (`control.stopping`). A stop counts while its file says so
*or* the log does, so neither a deleted file nor a restored folder lifts one. What cannot be read halts everything.

| file | says |
|---|---|
| `all.json` | new writes are halted, or may go on |
| `capability NAME.json`, `talent ID.json` | the same for one capability or one talent |
| `cancel ACTION.json` | that action is to stop before its next write |
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote, unquote

from infrafabric.control.home import write_atomically
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.names import short_name
from infrafabric.policy.stops import FactStops, stopped

__all__ = ["HomeStops", "Note", "Scope", "StopFolder", "scope_of", "stop_key", "what_of"]

Scope = Literal["all", "capability", "talent"]
SUFFIX = ".json"
CANCEL = "cancel"
ALL = "all "
MOST = 64 << 10
"""Bytes of one file: a reason of a thousand characters and the names around it."""


@dataclass(frozen=True, slots=True)
class Note:
    """What one file says."""

    change: Literal["set", "lifted"]
    by: str
    """Talent id."""
    why: str
    trace: str = ""
    at: str = ""
    """RFC 3339 UTC, by the clock of whoever wrote it."""


def stop_key(scope: Scope, name: str = "") -> str:
    """A stop's key in the facts table `stop`; `name` is a full id, "" for all."""
    return f"{scope} {name}"


def scope_of(key: str) -> tuple[Scope, str] | None:
    """Scope and full name of a stop's key; None for any other key."""
    scope, _, name = key.partition(" ")
    found: Scope | None = next((one for one in get_args(Scope) if one == scope), None)
    return (found, name) if found is not None and (found == "all") == (not name) else None


def what_of(key: str) -> str:
    """A stop's key in words: `all`, `capability vmix.switcher`."""
    scope, _, name = key.partition(" ")
    return f"{scope} {short_name(name)}".strip()


class StopFolder:
    """`HOME/stops`. Each read sees the folder as it is; there is nothing to refresh."""

    def __init__(self, root: Path) -> None:
        self._root = root / "stops"

    def write(self, key: str, change: Literal["set", "lifted"], by: str, why: str, trace: str = "") -> None:
        """Say durably that `key` is halted, or is not any more. Raises IF_ERR_HOME_DAMAGED."""
        note = Note(change, by, why, trace, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        try:
            self._root.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self._path(key), json.dumps(asdict(note)).encode() + b"\n")
        except OSError as error:
            message = f"{self._path(key)} cannot be written: {error.strerror or error}"
            raise FabricError(Code.HOME_DAMAGED, message) from None

    def cancel(self, action: str, by: str, why: str, trace: str = "") -> None:
        """Ask whichever kernel has the action under way to stop it. Raises IF_ERR_HOME_DAMAGED."""
        self.write(f"{CANCEL} {action}", "set", by, why, trace)

    def names(self) -> Sequence[str]:
        """Of which stops and cancellations there are files. Raises IF_ERR_STOPPED where that cannot be told."""
        try:
            names = sorted(path.name for path in self._root.iterdir() if not path.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable(self._root, error.strerror or str(error)) from None
        keys = [ALL if name == f"all{SUFFIX}" else unquote(name.removesuffix(SUFFIX)) for name in names]
        for name, key in zip(names, keys, strict=True):
            if not name.endswith(SUFFIX) or (scope_of(key) is None and not key.startswith(f"{CANCEL} ")):
                raise self._unreadable(self._root / name, "it is no stop's name")
        return keys

    def cancelled(self) -> Sequence[str]:
        """The actions that are to be cancelled. Raises as `names` does."""
        return [key.partition(" ")[2] for key in self.names() if key.startswith(f"{CANCEL} ")]

    def read(self, key: str) -> Note | None:
        """What the file of `key` says; None where there is none. Raises IF_ERR_STOPPED where it cannot be read."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                data = json.loads(file.read(MOST))
            note = Note(**data)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(path, error.strerror or str(error)) from None
        except (ValueError, TypeError):
            raise self._unreadable(path, "it is not what was written") from None
        texts = (note.by, note.why, note.trace, note.at)
        if note.change not in ("set", "lifted") or not all(isinstance(text, str) for text in texts):
            raise self._unreadable(path, "it is not what was written")
        return note

    def forget_cancel(self, action: str) -> None:
        """The action is over: nothing of it is left to cancel."""
        self._path(f"{CANCEL} {action}").unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / f"{quote(key.rstrip(), safe=' ')}{SUFFIX}"

    def _unreadable(self, path: Path, why: str) -> FabricError:
        return FabricError(
            Code.STOPPED,
            f"{path} cannot be read, so all writes are halted: {why}",
            remedy="Mend or remove the file, then see `ifctl stop --list`.",
        )


class HomeStops(FactStops):
    """Implements the kernel's port `Stops`: what the folder says, and what the log says."""

    def __init__(self, folder: StopFolder, facts: Facts) -> None:
        super().__init__(facts)
        self._folder = folder

    def check(self, talent: str, capability: str, action: str = "") -> None:
        """Raise IF_ERR_STOPPED where either halts the talent or the capability (full ids), IF_ERR_CANCELLED for an
        action that a file names. Lists one folder."""
        super().check(talent, capability, action)
        there = self._folder.names()
        if not there:
            return
        for key in self.covering(talent, capability):
            note = self._folder.read(key) if key in there else None
            if note is not None and note.change == "set":
                raise stopped(key, note.by, note.at, note.why)
        if action and f"{CANCEL} {action}" in there:
            note = self._folder.read(f"{CANCEL} {action}")
            if note is not None:
                raise FabricError(Code.CANCELLED, f"{action} was cancelled by {note.by}: {note.why}")
