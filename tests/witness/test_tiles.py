from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_bench import Bench, intended

from infrafabric.witness.tiles import bundle, tile_path, tile_widths, unbundle


@pytest.mark.parametrize(
    ("index", "path"), [(0, "000"), (255, "255"), (1000, "x001/000"), (1234067, "x001/x234/067"), (999, "999")]
)
def test_tile_numbers_as_in_the_specification(index: int, path: str) -> None:
    assert tile_path(0, index) == f"tile/0/{path}"
    assert tile_path(None, index, 7) == f"tile/entries/{path}.p/7"


def test_widths_as_in_the_specification() -> None:
    assert list(tile_widths(256, 0)) == [(0, 256)]
    assert list(tile_widths(256, 1)) == [(0, 1)]
    level0 = list(tile_widths(70_000, 0))
    assert (len(level0), level0[-1]) == (274, (273, 112))
    assert list(tile_widths(70_000, 1)) == [(0, 256), (1, 17)]
    assert list(tile_widths(70_000, 2)) == [(0, 1)]


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_an_increment_holds_every_new_hash(before: int, more: int) -> None:
    size = before + more
    held = {n * 256 + i for n, width in tile_widths(size, 0, before) for i in range(width)}
    assert held >= set(range(before, size))
    assert all(n * 256 + width <= size for n, width in tile_widths(size, 0, before))


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundles_open_again(leaves: list[bytes]) -> None:
    data = bundle(leaves)
    assert unbundle(data, len(leaves)) == leaves
    with pytest.raises(ValueError, match="entries"):
        unbundle(data, len(leaves) + 1)
    if leaves:
        with pytest.raises(ValueError, match=r"ends within|entries"):
            unbundle(data[:-1], len(leaves))


async def test_steps_give_the_same_files_as_one_go(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.open() as log:
        for size in (3, 255, 256, 500, 513):
            await log.append(*(intended("") for _ in range(size - log.size)))
            assert await log.export(tmp_path / "steps") > 0
            assert await log.export(tmp_path / "steps") == 0
        await log.export(tmp_path / "once")
        assert (tmp_path / "once" / "checkpoint").read_text() == log.checkpoint()
    once = {
        path.relative_to(tmp_path / "once"): path.read_bytes()
        for path in (tmp_path / "once").rglob("*")
        if path.is_file()
    }
    steps = {
        path.relative_to(tmp_path / "steps"): path.read_bytes()
        for path in (tmp_path / "steps").rglob("*")
        if path.is_file()
    }
    assert once.items() <= steps.items()
    assert set(steps) - set(once) == {Path("tile/1/000.p/1")}
