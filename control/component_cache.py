"""Where compiled components are kept: a production home has a cache of its own, development homes share the user's.

What is cached is native code, so a file counts only under a MAC. A production home's MAC key is made of the log's
private key: whoever may only write to the cache cannot make it. A development home's keys lie unprotected anyway, so
its cache may be where every such home of the user finds it, under a key that lies beside it, closed to others.
"""

from __future__ import annotations

import hmac
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infrafabric.control.home import Home
from infrafabric.keys.signing import SigningKey

__all__ = ["component_cache", "shared_cache"]

KEY_BYTES = 32


def component_cache(home: Home, key: SigningKey) -> tuple[Path, bytes]:
    """The cache's folder, and the key of its MAC. `key` is the log's."""
    shared = shared_cache() if home.is_development else None
    return shared or (home.cache, hmac.digest(key.seed, b"infrafabric-component-cache-v1", "sha256"))


def shared_cache(environment: Mapping[str, str] = os.environ) -> tuple[Path, bytes] | None:
    """The user's own cache; None where there can be none, or where others could have changed its key.

    `INFRAFABRIC_CACHE` names the folder, else it is `infrafabric` in the platform's cache folder.
    """
    folder = _folder(environment)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder, _key(folder)
    except OSError:
        return None


def _folder(environment: Mapping[str, str]) -> Path:
    if named := environment.get("INFRAFABRIC_CACHE"):
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "infrafabric"


def _key(folder: Path) -> bytes:
    """The MAC key, made at first use; of two that make it at once one wins. Raises OSError."""
    path = folder / "mac.key"
    if not path.exists():
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".mac.")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(KEY_BYTES))
            os.link(name, path)
        except FileExistsError:
            pass
        finally:
            Path(name).unlink(missing_ok=True)
    for place in (folder, path):
        found = place.lstat()
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022 or place.is_symlink()):
            raise PermissionError(f"{place} can be changed by others")
    if hasattr(os, "getuid") and path.lstat().st_mode & 0o077:
        raise PermissionError(f"{path} can be read by others")
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise OSError(f"{path} is no key")
    return key
