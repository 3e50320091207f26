"""Links and special files in the place of a bundle's files: nothing is followed, nothing waits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import read_bundle, sign_bundle, write_bundle
from infrafabric.registry.manifest import MANIFEST_FILE

if TYPE_CHECKING:
    from press import Press

pytestmark = pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege there")


@pytest.mark.parametrize("name", ["panel.py", MANIFEST_FILE])
def test_a_link_to_the_very_same_bytes_is_refused(press: Press, name: str) -> None:
    folder = press.packed()
    (folder / name).rename(press.folder / "elsewhere")
    (folder / name).symlink_to(press.folder / "elsewhere")
    with pytest.raises(FabricError) as caught:
        read_bundle(folder)
    assert caught.value.code is Code.BUNDLE_PATH


def test_a_folder_of_the_bundle_that_is_a_link(press: Press) -> None:
    files = {"panel.py": press.code, "parts/state.py": b""}
    folder = press.packed(files, files=list(files))
    (folder / "parts").rename(press.folder / "elsewhere")
    (folder / "parts").symlink_to(press.folder / "elsewhere")
    with pytest.raises(FabricError) as caught:
        read_bundle(folder)
    assert caught.value.code is Code.BUNDLE_PATH


@pytest.mark.parametrize("through", ["file", "folder"])
def test_signing_follows_no_link_out_of_the_source(press: Press, through: str) -> None:
    (press.folder / "outside").mkdir()
    (press.folder / "outside" / "secret.py").write_bytes(b"SECRET")
    source = press.source(files=["panel.py", "in/secret.py"])
    if through == "folder":
        (source / "in").symlink_to(press.folder / "outside")
    else:
        (source / "in").mkdir()
        (source / "in" / "secret.py").symlink_to(press.folder / "outside" / "secret.py")
    with pytest.raises(FabricError) as caught:
        sign_bundle(source, "draft.json", press.key())
    assert caught.value.code is Code.BUNDLE_PATH


def test_a_pipe_is_refused_and_not_waited_for(press: Press) -> None:
    folder = press.packed()
    (folder / "panel.py").unlink()
    os.mkfifo(folder / "panel.py")
    with pytest.raises(FabricError) as caught:
        read_bundle(folder)
    assert caught.value.code is Code.BUNDLE_PATH


def test_a_bundle_is_not_written_through_a_link(press: Press) -> None:
    (press.folder / "outside").mkdir()
    (press.folder / "out").symlink_to(press.folder / "outside")
    with pytest.raises(FabricError) as caught:
        write_bundle(press.bundle(), press.folder / "out")
    assert caught.value.code is Code.EXISTS
    assert list((press.folder / "outside").iterdir()) == []
