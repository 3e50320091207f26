"""Someone writes to the cache of compiled components: native code that is not ours must never be mapped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sandbox import component

from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.chassis.cache import ComponentCache

KEY = b"k" * 32
WASM = component()
DIGEST = sha256(WASM).removeprefix("sha256:")


async def compiled(folder: Path, key: bytes = KEY) -> bytes:
    descriptor = await ComponentCache(folder, key).open(WASM, DIGEST)
    try:
        return os.read(descriptor, 1 << 24)
    finally:
        os.close(descriptor)


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("*.cwasm")
    return path


async def test_what_was_compiled_is_taken_again(tmp_path: Path) -> None:
    first = await compiled(tmp_path)
    before = only_file(tmp_path).stat().st_ino
    assert await compiled(tmp_path) == first
    assert only_file(tmp_path).stat().st_ino == before


@pytest.mark.parametrize("place", [0, 0.5, 0.999])
async def test_a_flipped_byte_means_compiling_again(tmp_path: Path, place: float) -> None:
    await compiled(tmp_path)
    path = only_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 1
    path.write_bytes(data)
    assert await compiled(tmp_path) != bytes(data)
    assert only_file(tmp_path).read_bytes() != bytes(data)


async def test_a_file_under_another_key_is_not_ours(tmp_path: Path) -> None:
    await compiled(tmp_path, b"x" * 32)
    name = only_file(tmp_path).name
    await compiled(tmp_path)
    assert only_file(tmp_path).name != name


async def test_a_file_of_another_component_is_not_taken(tmp_path: Path) -> None:
    await compiled(tmp_path)
    path = only_file(tmp_path)
    key, _, mac = path.name.partition("-")
    other = ComponentCache(tmp_path, KEY)
    path.rename(tmp_path / f"{other._key('0' * 64)}-{mac}")
    assert not other.holds(DIGEST)
    assert other._find(other._key("0" * 64)) is None
    assert key


async def test_a_link_is_not_followed(tmp_path: Path) -> None:
    await compiled(tmp_path)
    path = only_file(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    await compiled(tmp_path)
    assert not only_file(tmp_path).is_symlink()


def test_the_folder_is_closed_to_others_and_the_key_has_a_length(tmp_path: Path) -> None:
    ComponentCache(tmp_path / "made", KEY)
    if os.name == "posix":
        assert (tmp_path / "made").stat().st_mode & 0o077 == 0
    with pytest.raises(ValueError, match="16 bytes"):
        ComponentCache(tmp_path, b"short")
