"""A file of a bundle that was removed after signing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import read_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from press import Press


def attack(folder: Path) -> None:
    (folder / "panel.py").unlink()


def test_the_bundle_is_not_taken_in(press: Press) -> None:
    folder = press.packed()
    attack(folder)
    with pytest.raises(FabricError, match="panel.py") as caught:
        read_bundle(folder)
    assert caught.value.code is Code.BUNDLE_FILE_MISSING


def test_the_stored_bundle_does_not_load(press: Press) -> None:
    bundle = press.bundle()
    registry = press.registry(bundle)
    attack(press.folder / "bundles" / bundle.digest[7:])
    with pytest.raises(FabricError) as caught:
        registry.resolve(bundle.manifest.id)
    assert caught.value.code is Code.BUNDLE_FILE_MISSING


def test_what_was_loaded_before_runs_from_the_verified_bytes(press: Press) -> None:
    bundle = press.bundle()
    registry = press.registry(bundle)
    before = registry.resolve(bundle.manifest.id)
    attack(press.folder / "bundles" / bundle.digest[7:])
    assert registry.resolve(bundle.manifest.id).files == before.files == {"panel.py": press.code}
