"""File names and entrypoints that lead out of the bundle, or to two files in one place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.manifest import parse, parse_draft

if TYPE_CHECKING:
    from press import Press

DIGEST = "sha256:" + "0" * 64
OUTSIDE = [
    "../panel.py", "/etc/passwd", "a/../../panel.py", "a/./panel.py", "./panel.py", "a//panel.py", "..", "a/",
    "..\\panel.py", "C:\\panel.py", "C:panel.py", "panel.py\0.txt", "a./panel.py", "con", "aux.py", "a/NUL.py",
]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_file_outside_the_bundle(press: Press, name: str) -> None:
    with pytest.raises(FabricError) as caught:
        parse(json.dumps(press.data(files={"panel.py": DIGEST, name: DIGEST})).encode())
    assert caught.value.code is Code.BUNDLE_PATH
    with pytest.raises(FabricError) as caught:
        parse_draft(json.dumps(press.data(files=["panel.py", name])).encode())
    assert caught.value.code is Code.BUNDLE_PATH


@pytest.mark.parametrize("name", ["../panel.py", "/panel.py", "a/../panel.py", "./panel.py", "a//panel.py"])
def test_an_entrypoint_outside_the_bundle(press: Press, name: str) -> None:
    with pytest.raises(FabricError) as caught:
        parse(json.dumps(press.data(files={"panel.py": DIGEST}, entrypoint=f"{name}:Panel")).encode())
    assert caught.value.code is Code.BUNDLE_PATH


@pytest.mark.parametrize("other", ["Panel.py", "manifest.yaml", "MANIFEST.YAML", "panel.py/inner.py"])
def test_two_names_for_one_place(press: Press, other: str) -> None:
    with pytest.raises(FabricError) as caught:
        parse(json.dumps(press.data(files={"panel.py": DIGEST, other: DIGEST})).encode())
    assert caught.value.code is Code.BUNDLE_PATH


def test_a_draft_does_not_sign_what_lies_outside_its_folder(press: Press) -> None:
    (press.folder / "secret.py").write_bytes(b"SECRET")
    with pytest.raises(FabricError) as caught:
        press.bundle(files=["panel.py", "../secret.py"])
    assert caught.value.code is Code.BUNDLE_PATH
