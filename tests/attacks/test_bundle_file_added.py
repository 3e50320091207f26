"""Files that were added to a bundle after signing, of whatever kind and name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import open_bundle, read_bundle

if TYPE_CHECKING:
    from press import Press


@pytest.mark.parametrize(
    "name",
    ["extra.py", ".hidden", "__pycache__/panel.cpython-311.pyc", "README.md", "manifest.yml", "panel.pyc", "a/b/c"],
)
def test_the_bundle_is_not_taken_in(press: Press, name: str) -> None:
    folder = press.packed()
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    with pytest.raises(FabricError) as caught:
        read_bundle(folder)
    assert caught.value.code is Code.BUNDLE_FILE_EXTRA


def test_an_empty_folder_is_something_added(press: Press) -> None:
    folder = press.packed()
    (folder / "empty").mkdir()
    with pytest.raises(FabricError) as caught:
        read_bundle(folder)
    assert caught.value.code is Code.BUNDLE_FILE_EXTRA


def test_the_stored_bundle_does_not_load(press: Press) -> None:
    bundle = press.bundle()
    registry = press.registry(bundle)
    (press.folder / "bundles" / bundle.digest[7:] / "sitecustomize.py").write_bytes(b"x")
    with pytest.raises(FabricError) as caught:
        registry.resolve(bundle.manifest.id)
    assert caught.value.code is Code.BUNDLE_FILE_EXTRA


def test_a_file_added_in_memory(press: Press) -> None:
    bundle = press.bundle()
    with pytest.raises(FabricError) as caught:
        open_bundle(bundle.text, {**bundle.files, "extra.py": b""})
    assert caught.value.code is Code.BUNDLE_FILE_EXTRA
