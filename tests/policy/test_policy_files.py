from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policies import PERMIT

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.policy.files import MOST_BYTES, MOST_FILES, check_sizes, cut, digest_of, read_folder, shipped


def test_a_folder_is_read_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.cedar").write_text(PERMIT)
    (tmp_path / "a.cedar").write_text("// nothing\n")
    (tmp_path / "notes.txt").write_text("left alone")
    assert read_folder(tmp_path) == {"a.cedar": "// nothing\n", "b.cedar": PERMIT}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.cedar", b"\xff", "not UTF-8"),
        ("A B.cedar", b"", "no name of a policy file"),
        ("a.cedar", b"/" * (MOST_BYTES + 1), "larger than"),
        ("a.txt", b"", "holds no file"),
    ],
)
def test_what_is_no_set_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FabricError) as refused:
        read_folder(tmp_path)
    assert refused.value.code is Code.POLICY_INVALID
    assert words in refused.value.message


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FabricError) as refused:
        read_folder(tmp_path / "none")
    assert refused.value.code is Code.FILE_UNREADABLE


def test_too_many_files_are_refused() -> None:
    with pytest.raises(FabricError):
        check_sizes({f"{n}.cedar": PERMIT for n in range(MOST_FILES + 1)})


def test_the_digest_covers_names_and_texts() -> None:
    digests = {digest_of(files) for files in ({"a.cedar": "x"}, {"b.cedar": "x"}, {"a.cedar": "y"}, shipped())}
    assert len(digests) == 4
    assert digest_of({"a.cedar": "x", "b.cedar": "y"}) == digest_of({"b.cedar": "y", "a.cedar": "x"})


@given(st.lists(st.sampled_from(["// x; y\n", '"a;\\"b"', ";", "permit", " ", "\n", "(", ")", '"open']), max_size=30))
def test_cutting_loses_nothing_but_what_stands_in_front(parts: list[str]) -> None:
    text = "".join(parts)
    pieces = list(cut({"a.cedar": text}))
    place = 0
    for piece in pieces:
        line_start = sum(len(line) for line in text.splitlines(keepends=True)[: piece.line - 1])
        found = text.index(piece.text, max(place, line_start))
        assert piece.line == text.count("\n", 0, found) + 1
        place = found + len(piece.text)
    assert not [piece for piece in pieces if piece.text[:1].isspace() or piece.text.startswith("//")]
