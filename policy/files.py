"""Policy files: reading a folder of them, and finding each policy and its annotations in their text.

A file is cut into policies here so that whatever is wrong is told with file and line, which the Cedar parser does not.
What a policy means is the parser's business alone: each piece that was cut is parsed by it as one policy, or refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infrafabric.kernel.canonical import sha256, signed_bytes
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["SUFFIX", "Piece", "check_sizes", "cut", "digest_of", "read_folder", "shipped"]

SUFFIX = ".cedar"
MOST_FILES = 64
MOST_BYTES = 256 << 10
"""Of all files together: the set is one entry in the log."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}\.cedar")


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands between two semicolons: one policy, where the text is right."""

    file: str
    line: int
    """Of its first character, counted from 1."""
    text: str

    def line_of(self, words: str) -> int:
        """The line on which `words` stand first; the piece's own where they do not."""
        place = self.text.find(words)
        return self.line + (self.text.count("\n", 0, place) if place >= 0 else 0)

    @property
    def depth(self) -> int:
        """How many brackets stand in one another, strings and comments aside."""
        depth = deepest = 0
        for bracket in re.findall(r"[(\[{)\]}]", _TOKEN.sub("", self.text)):
            depth += 1 if bracket in "([{" else -1
            deepest = max(deepest, depth)
        return deepest


def digest_of(files: Mapping[str, str]) -> str:
    """The digest of a set of policies: `sha256:` over their names and texts."""
    return sha256(signed_bytes("infrafabric-policies-v1", dict(files)))


def read_folder(folder: Path) -> dict[str, str]:
    """The `*.cedar` files of a folder by name. Raises IF_ERR_FILE_UNREADABLE, IF_ERR_POLICY_INVALID."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    except OSError as error:
        raise FabricError(Code.FILE_UNREADABLE, f"{folder}: {error.strerror or error}") from None
    files: dict[str, str] = {}
    left = MOST_BYTES
    for path in paths[: MOST_FILES + 1]:
        try:
            with path.open("rb") as file:
                data = file.read(left + 1)
            files[path.name] = data.decode("utf-8")
        except OSError as error:
            raise FabricError(Code.FILE_UNREADABLE, f"{path}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            if len(data) <= left:
                raise FabricError(Code.POLICY_INVALID, f"{path.name} is not UTF-8 text") from None
        left -= len(data)
        if left < 0:
            raise _too_large()
    if not files:
        raise FabricError(Code.POLICY_INVALID, f"{folder} holds no file whose name ends in {SUFFIX}")
    check_sizes(files)
    return files


def shipped() -> dict[str, str]:
    """The default set, as a new home takes it into force."""
    return read_folder(Path(__file__).with_name("policies"))


def check_sizes(files: Mapping[str, str]) -> None:
    """Raise IF_ERR_POLICY_INVALID for more or longer files than a set may have, and for names that no file may have."""
    if not files:
        raise FabricError(Code.POLICY_INVALID, "a set of policies without a file would refuse everything")
    if len(files) > MOST_FILES:
        raise FabricError(Code.POLICY_INVALID, f"more than {MOST_FILES} policy files")
    for name in files:
        if _NAME.fullmatch(name) is None:
            message = f"{name[:80]!r} is no name of a policy file; one looks like studio-a.cedar"
            raise FabricError(Code.POLICY_INVALID, message)
    if sum(len(text.encode("utf-8", "surrogatepass")) for text in files.values()) > MOST_BYTES:
        raise _too_large()


def cut(files: Mapping[str, str]) -> Iterator[Piece]:
    """The pieces of all files, in order of file name and place."""
    for name in sorted(files):
        yield from _cut(name, files[name])


_TOKEN = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"|;', re.DOTALL)


def _cut(name: str, text: str) -> Iterator[Piece]:
    begin = 0
    for token in _TOKEN.finditer(text):
        if token.group() == ";":
            yield _piece(name, text, begin, token.end())
            begin = token.end()
    rest = _piece(name, text, begin, len(text))
    if rest.text:
        yield rest


def _piece(name: str, text: str, begin: int, end: int) -> Piece:
    """What stands from `begin` to `end`, without the comments and blanks in front of it."""
    while begin < end:
        if text[begin].isspace():
            begin += 1
        elif text.startswith("//", begin):
            line_end = text.find("\n", begin, end)
            begin = end if line_end < 0 else line_end
        else:
            break
    return Piece(name, text.count("\n", 0, begin) + 1, text[begin:end].rstrip())


def _too_large() -> FabricError:
    return FabricError(Code.POLICY_INVALID, f"the policy files are larger than {MOST_BYTES} bytes together")
