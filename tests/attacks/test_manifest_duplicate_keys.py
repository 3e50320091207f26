"""A member twice: one reader would take the first, another the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import open_bundle

if TYPE_CHECKING:
    from press import Press


@pytest.mark.parametrize("line", ["version: 9.9.9", '"version": "9.9.9"', "'version': 9.9.9", '"\\x76ersion": 9.9.9'])
def test_a_second_version(press: Press, line: str) -> None:
    bundle = press.bundle()
    with pytest.raises(FabricError, match="'version' a second time") as caught:
        open_bundle(bundle.text + line.encode() + b"\n", bundle.files)
    assert caught.value.code is Code.MANIFEST_SYNTAX


def test_a_second_member_deep_down(press: Press) -> None:
    bundle = press.bundle()
    assert b"read: GET /panel\n" in bundle.text
    text = bundle.text.replace(b"read: GET /panel\n", b"read: GET /panel\n    read: GET /\n")
    with pytest.raises(FabricError, match="'read' a second time") as caught:
        open_bundle(text, bundle.files)
    assert caught.value.code is Code.MANIFEST_SYNTAX


def test_a_second_member_in_json(press: Press) -> None:
    text = b'{"files": {}, "files": {"panel.py": ""}}'
    with pytest.raises(FabricError, match="'files' a second time") as caught:
        open_bundle(text, {})
    assert caught.value.code is Code.MANIFEST_SYNTAX
