"""A manifest of ten megabytes."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import read_bundle, sign_bundle
from infrafabric.registry.manifest import MANIFEST_FILE, parse

if TYPE_CHECKING:
    from press import Press

TEN_MEGABYTES = 10 << 20


def test_the_text_is_refused_unread() -> None:
    with pytest.raises(FabricError) as caught:
        parse(b"\xff" * TEN_MEGABYTES)  # not even UTF-8: it is not looked at
    assert caught.value.code is Code.MANIFEST_TOO_LARGE


def test_the_file_is_refused_before_it_is_in_memory(press: Press) -> None:
    folder = press.packed()
    with (folder / MANIFEST_FILE).open("ab") as file:
        file.write(b"# padding\n" * (TEN_MEGABYTES // 10))
    tracemalloc.start()
    try:
        with pytest.raises(FabricError) as caught:
            read_bundle(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.code is Code.MANIFEST_TOO_LARGE
    assert peak < 2 << 20


def test_a_draft_of_that_size_is_not_signed(press: Press) -> None:
    source = press.source()
    (source / "draft.json").write_bytes(b" " * TEN_MEGABYTES)
    with pytest.raises(FabricError) as caught:
        sign_bundle(source, "draft.json", press.key())
    assert caught.value.code is Code.MANIFEST_TOO_LARGE
