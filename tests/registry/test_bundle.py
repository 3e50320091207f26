"""Signing, packing and reading bundles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import (
    MAX_FILE_BYTES,
    add_signature,
    open_bundle,
    pack,
    read_bundle,
    sign_bundle,
    write_bundle,
)
from infrafabric.registry.manifest import MANIFEST_FILE, parse
from infrafabric.registry.signing import bundle_digest, signed_bytes

if TYPE_CHECKING:
    from press import Press

several = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def code_of(error: pytest.ExceptionInfo[FabricError]) -> Code:
    return error.value.code


def test_a_packed_bundle_reads_back(press: Press) -> None:
    files = {"panel.py": press.code, "parts/state.py": b"LEVEL = 3\n"}
    source = press.source(files, files=list(files))
    (source / "README.md").write_text("stays out")
    packed = pack(source, "draft.json", press.folder / "out", press.key())
    read = read_bundle(press.folder / "out")
    assert read == packed
    assert dict(read.files) == files
    assert read.signers == (press.key().public,)
    assert sorted(path.name for path in (press.folder / "out").iterdir()) == [MANIFEST_FILE, "panel.py", "parts"]


def test_the_digest_is_that_of_the_signed_bytes(press: Press) -> None:
    bundle = press.bundle()
    data = dict(parse(bundle.text).data)
    assert data["files"] == {"panel.py": canonical.sha256(press.code)}
    del data["signature"]
    expected = b"infrafabric-manifest-v1\n" + canonical.dumps(data)
    assert signed_bytes(parse(bundle.text).data) == expected
    assert bundle.digest == bundle_digest(data) == canonical.sha256(expected)


def test_one_source_folder_holds_several_drafts(press: Press) -> None:
    source = press.source({"panel.py": press.code, "desk.py": press.code}, files=["panel.py"])
    desk = press.data(id="if://capability/lamp.desk", entrypoint="desk.py:Panel", files=["desk.py"])
    (source / "desk.yaml").write_text(json.dumps(desk))
    assert list(sign_bundle(source, "draft.json", press.key()).files) == ["panel.py"]
    assert list(sign_bundle(source, "desk.yaml", press.key()).files) == ["desk.py"]


def test_the_format_of_the_text_does_not_matter_to_the_signature(press: Press) -> None:
    bundle = press.bundle()
    as_json = json.dumps(parse(bundle.text).data, indent=1).encode()
    assert open_bundle(as_json, bundle.files).digest == bundle.digest


def test_several_keys_sign_one_bundle(press: Press) -> None:
    once = press.bundle()
    twice = add_signature(once, press.key("second"))
    assert twice.signers == (press.key().public, press.key("second").public)
    assert twice.digest == once.digest
    assert add_signature(twice, press.key()).signers == twice.signers


def test_a_bundle_is_written_to_an_empty_folder_only(press: Press) -> None:
    bundle = press.bundle()
    (press.folder / "empty").mkdir()
    write_bundle(bundle, press.folder / "empty")
    with pytest.raises(FabricError) as caught:
        write_bundle(bundle, press.folder / "empty")
    assert code_of(caught) is Code.EXISTS


@pytest.mark.parametrize("name", ["panel.py", "draft.json"])
def test_signing_names_the_file_that_is_missing(press: Press, name: str) -> None:
    source = press.source()
    (source / name).unlink()
    with pytest.raises(FabricError, match=name) as caught:
        sign_bundle(source, "draft.json", press.key())
    assert code_of(caught) is Code.BUNDLE_FILE_MISSING


@pytest.mark.parametrize("name", ["../draft.json", "/etc/hostname", "a//b", ""])
def test_a_draft_lies_in_its_folder(press: Press, name: str) -> None:
    with pytest.raises(FabricError) as caught:
        sign_bundle(press.source(), name, press.key())
    assert code_of(caught) is Code.BUNDLE_PATH


def test_a_file_beyond_the_size_limit_is_refused(press: Press) -> None:
    source = press.source()
    with (source / "panel.py").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(FabricError) as caught:
        sign_bundle(source, "draft.json", press.key())
    assert code_of(caught) is Code.TOO_LARGE


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_bytes(b"")])
def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "bundle")
    with pytest.raises(FabricError) as caught:
        read_bundle(tmp_path / "bundle")
    assert code_of(caught) is Code.BUNDLE_MISSING


@several
@given(
    files=st.dictionaries(
        st.from_regex(r"[b-m]{1,6}(/[b-m]{1,6})?\.py", fullmatch=True), st.binary(max_size=60), min_size=1, max_size=4
    ),
    summary=st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=60),
)
def test_whatever_is_signed_verifies(press: Press, files: dict[str, bytes], summary: str) -> None:
    name = next(iter(files))
    bundle = press.bundle(files, files=list(files), entrypoint=f"{name}:Panel", summary=summary)
    again = open_bundle(bundle.text, files)
    assert again.digest == bundle.digest
    assert again.manifest.summary == summary


@several
@given(at=st.integers(min_value=0), to=st.integers(0, 255))
def test_a_manifest_with_one_byte_changed_is_refused_or_means_the_same(press: Press, at: int, to: int) -> None:
    bundle = press.bundle()
    position = at % len(bundle.text)
    altered = bundle.text[:position] + bytes([to]) + bundle.text[position + 1 :]
    try:
        opened = open_bundle(altered, bundle.files)
    except FabricError:
        return
    # Only the dress may differ: white space, quotes. What is signed is what is read.
    assert parse(altered).data == parse(bundle.text).data
    assert opened.digest == bundle.digest


@several
@given(content=st.binary(max_size=40))
def test_a_file_with_other_bytes_is_refused(press: Press, content: bytes) -> None:
    bundle = press.bundle()
    if content == press.code:
        return
    with pytest.raises(FabricError) as caught:
        open_bundle(bundle.text, {"panel.py": content})
    assert code_of(caught) is Code.BUNDLE_FILE_CHANGED
