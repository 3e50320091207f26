"""A bundle whose manifest carries no signature."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import open_bundle, read_bundle
from infrafabric.registry.manifest import MANIFEST_FILE, parse

if TYPE_CHECKING:
    from press import Press


def without_signature(text: bytes) -> bytes:
    data = parse(text).data
    return json.dumps({name: value for name, value in data.items() if name != "signature"}).encode()


def test_an_unsigned_manifest_is_refused(press: Press) -> None:
    bundle = press.bundle()
    with pytest.raises(FabricError) as caught:
        open_bundle(without_signature(bundle.text), bundle.files)
    assert caught.value.code is Code.UNSIGNED


def test_an_unsigned_folder_is_refused_before_its_files_are_looked_at(press: Press) -> None:
    folder = press.packed()
    path = folder / MANIFEST_FILE
    path.write_bytes(without_signature(path.read_bytes()))
    (folder / "panel.py").unlink()
    with pytest.raises(FabricError) as caught:
        read_bundle(folder)
    assert caught.value.code is Code.UNSIGNED


@pytest.mark.parametrize("empty", [{"signature": None}, {"signatures": []}])
def test_an_empty_signature_is_none(press: Press, empty: dict[str, object]) -> None:
    bundle = press.bundle()
    text = json.dumps({**json.loads(without_signature(bundle.text)), **empty}).encode()
    with pytest.raises(FabricError) as caught:
        open_bundle(text, bundle.files)
    assert caught.value.code is Code.UNSIGNED


def test_a_signature_that_is_taken_off_in_the_store_stops_the_bundle(press: Press) -> None:
    bundle = press.bundle()
    registry = press.registry(bundle)
    path = press.folder / "bundles" / bundle.digest[7:] / MANIFEST_FILE
    path.write_bytes(without_signature(bundle.text))
    with pytest.raises(FabricError) as caught:
        registry.resolve(bundle.manifest.id)
    assert caught.value.code is Code.UNSIGNED
