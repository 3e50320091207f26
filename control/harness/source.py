"""An author's folder: a draft manifest, the files that it names, and the adapter's class."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from infrafabric.adapters.sdk import Adapter
from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.registry.manifest import parse_draft

__all__ = ["Source", "native_class", "read_source"]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Source:
    """What an author wrote, unsigned."""

    folder: Path
    manifest: Manifest
    files: Mapping[str, bytes]
    digest: str
    """Of manifest and files together: another text, another digest. Not the digest that signing gives."""


def read_source(folder: Path, manifest_file: str) -> Source:
    """Read a draft and its files. Raises what `parse_draft` raises, and IF_ERR_BUNDLE_FILE_MISSING."""
    draft = parse_draft(_read(folder, manifest_file))
    entrypoint = folder.joinpath(*draft.manifest.entrypoint.split("/"))
    if draft.manifest.runtime == "component/1" and not entrypoint.exists():
        built = f"{draft.manifest.entrypoint} is not there: a component has to be built before it is checked"
        raise FabricError(Code.BUNDLE_FILE_MISSING, built)
    files = {name: _read(folder, name) for name in draft.files}
    digests = {name: sha256(content) for name, content in files.items()}
    return Source(folder, draft.manifest, files, sha256(dumps({"manifest": dict(draft.data), "files": digests})))


def native_class(source: Source) -> type[Adapter]:
    """The adapter's class, imported into this very process: its code runs with all that the caller may do.

    For code that is one's own. Raises IF_ERR_ENTRYPOINT_INVALID, also with what the module raises.
    """
    file, _, name = source.manifest.entrypoint.partition(":")
    if not file.endswith(".py") or file not in source.files:
        raise FabricError(Code.ENTRYPOINT_INVALID, f"{source.manifest.entrypoint} is no Python class of the bundle")
    package = ModuleType(f"_infrafabric_harness_{next(_numbers)}")
    package.__path__ = [str(source.folder)]
    sys.modules[package.__name__] = package
    try:
        module = importlib.import_module(f"{package.__name__}.{file.removesuffix('.py').replace('/', '.')}")
    except Exception as error:
        raise FabricError(Code.ENTRYPOINT_INVALID, f"{file}: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise FabricError(Code.ENTRYPOINT_INVALID, f"{file} has no Adapter called {name}")
    return found


def _read(folder: Path, name: str) -> bytes:
    try:
        return folder.joinpath(*name.split("/")).read_bytes()
    except OSError as error:
        raise FabricError(Code.BUNDLE_FILE_MISSING, f"{name[:80]!r} cannot be read: {error.strerror}") from None
