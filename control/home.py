"""A home: the folder that holds one kernel's keys, vault, trust set, bundles, log and settings.

    HOME/
      home.json           format version, kind (development or production), the log's origin
      infrafabric.toml    settings (docs/settings.md)
      health.json         how targets were last found; may be deleted
      lock                taken by the one kernel that has the home open
      kernel.sock         while a kernel serves the home: the way to it for other ifctl commands
      keys/               private keys, a file each
      vault/              secrets, one age-format file
      trust/              the trust sets, a file a version; the log says which one holds
      policies/           working copy of the policies; `ifctl policy load` takes them into force
      bundles/            signed bundles by digest
      components/         Python components that ran here, by digest, to replay on
      witness/            log.db, and slots: the latest checkpoints outside the database
      cache/              compiled components; may be deleted
      stops/              what `ifctl stop` halted, a file each (docs/stop.md)
      crash/              tracebacks of internal faults, secrets masked

A home is made in a folder beside its place and renamed into it, so there is a whole one or none. Its format version
only rises: `MIGRATIONS[n]` takes a home from version n to n + 1, and a newer home than this program knows is refused.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from infrafabric.control.lock import HomeLock
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["FORMAT", "MIGRATIONS", "Home", "Kind", "chosen_home", "write_atomically"]

Kind = Literal["development", "production"]

FORMAT = 1
FOLDERS = ("keys", "vault", "trust", "policies", "bundles", "components", "witness", "cache", "crash")

MIGRATIONS: Mapping[int, Callable[[Path], None]] = {}
"""From version n to n + 1, each run once under the home's lock, before anything else is opened."""

SETTINGS_TEXT = """\
# Settings of this home. Every key is optional; docs/settings.md lists them all with their defaults and reasons.
# Unknown keys are refused.
"""


def chosen_home(option: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The home's folder: `--home`, else INFRAFABRIC_HOME, else `infrafabric` in the platform's data folder."""
    if option is not None:
        return option.expanduser().absolute()
    if named := environment.get("INFRAFABRIC_HOME"):
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        data = Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    else:
        data = Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "infrafabric"


@dataclass(frozen=True, slots=True)
class Home:
    """An existing home of the present format."""

    root: Path
    kind: Kind
    origin: str
    """Origin under which the home's log began: a schema-less URL that is the log's name."""
    format: int = FORMAT

    @property
    def is_development(self) -> bool:
        return self.kind == "development"

    @property
    def settings_file(self) -> Path:
        return self.root / "infrafabric.toml"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def vault_file(self) -> Path:
        return self.root / "vault" / "secrets.age"

    @property
    def trust(self) -> Path:
        return self.root / "trust"

    @property
    def policies(self) -> Path:
        """The working copy of the policies; those in force are in the log."""
        return self.root / "policies"

    @property
    def bundles(self) -> Path:
        return self.root / "bundles"

    @property
    def components(self) -> Path:
        return self.root / "components"

    @property
    def log_file(self) -> Path:
        return self.root / "witness" / "log.db"

    @property
    def slots_file(self) -> Path:
        return self.root / "witness" / "slots"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def crash(self) -> Path:
        return self.root / "crash"

    @property
    def lock(self) -> HomeLock:
        """A fresh handle on the home's lock, not yet held."""
        return HomeLock(self.root / "lock")

    @classmethod
    def open(cls, root: Path) -> Home:
        """The home in `root`, of the present format or older. Raises IF_ERR_HOME_MISSING, _DAMAGED, _VERSION."""
        found = _read(root)
        return cls(root, found["kind"], found["origin"], found["format"])

    def migrate(self, migrations: Mapping[int, Callable[[Path], None]] = MIGRATIONS, to: int = FORMAT) -> list[int]:
        """Bring the home to format `to`, one recorded step at a time; the caller holds the lock.

        Returns the versions it passed. A step that fails leaves the version before it recorded, and is tried again.
        """
        passed = []
        data = _read(self.root)
        while data["format"] < to:
            migrations[data["format"]](self.root)
            data["format"] += 1
            write_atomically(self.root / "home.json", json.dumps(data, indent=2).encode() + b"\n")
            passed.append(data["format"])
        return passed

    @classmethod
    @contextmanager
    def create(cls, root: Path, kind: Kind, origin: str) -> Iterator[Home]:
        """A new home, to be filled inside the `with`: it comes to stand at `root` when the block ends well.

        Raises IF_ERR_HOME_EXISTS where `root` is anything but missing or an empty folder.
        """
        _refuse_occupied(root)
        root.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))  # mode 0700
        try:
            for folder in FOLDERS:
                (place / folder).mkdir(mode=0o700)
            (place / "infrafabric.toml").write_text(SETTINGS_TEXT, encoding="utf-8")
            data = {"format": FORMAT, "kind": kind, "origin": origin}
            (place / "home.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
            yield cls(place, kind, origin)
            _sync_tree(place)
            with suppress(FileNotFoundError):
                root.rmdir()  # an empty folder; Windows renames onto nothing else, and a full one raises here
            place.rename(root)
        except OSError as error:
            if root.is_dir() and any(root.iterdir()):
                raise FabricError(Code.HOME_EXISTS, f"{root} was filled by another process meanwhile") from error
            raise
        finally:
            shutil.rmtree(place, ignore_errors=True)


def write_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `data`, durably: a reader sees the old bytes or the new ones."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _refuse_occupied(root: Path) -> None:
    if root.is_symlink() or (root.exists() and not root.is_dir()):
        raise FabricError(Code.HOME_EXISTS, f"{root} is not a folder")
    if root.is_dir() and any(root.iterdir()):
        what = "a home" if (root / "home.json").exists() else "other files"
        raise FabricError(Code.HOME_EXISTS, f"{root} holds {what} already")


class _HomeFile(TypedDict):
    format: int
    kind: Kind
    origin: str


def _read(root: Path) -> _HomeFile:
    path = root / "home.json"
    try:
        data = json.loads(path.read_bytes()[:65536])
    except (FileNotFoundError, NotADirectoryError):
        raise FabricError(Code.HOME_MISSING, f"{root} holds no home") from None
    except OSError as error:
        raise FabricError(Code.HOME_DAMAGED, f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise FabricError(Code.HOME_DAMAGED, f"{path} is no JSON") from None
    if not isinstance(data, dict) or type(data.get("format")) is not int or data["format"] < 1:
        raise FabricError(Code.HOME_DAMAGED, f"{path} names no format version")
    if data["format"] > FORMAT:  # its other members may mean anything
        raise FabricError(
            Code.HOME_VERSION, f"{root} has format {data['format']}; this InfraFabric knows formats up to {FORMAT}"
        )
    if data.get("kind") not in ("development", "production") or not isinstance(data.get("origin"), str):
        raise FabricError(Code.HOME_DAMAGED, f"{path} lacks the home's kind or origin")
    return _HomeFile(format=data["format"], kind=data["kind"], origin=data["origin"])


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # a folder cannot be opened there, and a rename needs no such help
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        _sync_folder(folder)
