"""Runs the terminal sessions of a page: what it says that a command answers is what the command answers.

A session is a fenced block with the language `console`. A line that begins with `$ ` is a command: `ifctl …`, or
`cat FILE`. What follows it is what it says; `…` stands for any text within a line, a line of only `…` for any lines.
`[1]` as the last line is its exit status, which is 0 otherwise. Spaces count once; borders of tables do not count, nor
does that a home is for development.

An id in the page stands for the id that comes in its place, from its first appearance on. A fenced block right below a
line like "`cases.yaml`:" is that file, in the folder where the commands run.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from homes import Ifctl

__all__ = ["Page"]

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_FENCE = re.compile(r"(?:^`(?P<file>[\w./-]+)`:\n+)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_STATUS = re.compile(r"\[(\d+)\]")


@dataclass
class Page:
    """A page's files and commands, in its order; `run` acts out all of it."""

    text: str
    ids: dict[str, str] = field(default_factory=dict)
    """Ids of this run by those of the page."""

    def run(self, ifctl: Ifctl, folder: Path) -> int:
        """Write the files, run the commands, and compare; how many commands there were."""
        before, count = Path.cwd(), 0
        os.chdir(folder)
        try:
            for match in _FENCE.finditer(self.text):
                if match["file"]:
                    Path(match["file"]).write_text(match["text"])
                elif match["kind"] == "console":
                    for command, said in _commands(match["text"]):
                        self._act(ifctl, command, said)
                        count += 1
        finally:
            os.chdir(before)
        return count

    def _act(self, ifctl: Ifctl, command: str, said: list[str]) -> None:
        words = shlex.split(re.sub(ID, lambda found: self.ids.get(found[0], found[0]), command))
        wanted_status = 0
        if said and (status := _STATUS.fullmatch(said[-1])):
            wanted_status, said = int(status[1]), said[:-1]
        if words[0] == "cat":
            shown, got_status = Path(words[1]).read_text(), 0
        else:
            assert words[0] == "ifctl", f"a page runs ifctl, not {words[0]}"
            result = ifctl(*words[1:])
            shown, got_status = result.output, result.exit_code
        assert got_status == wanted_status, f"$ {command}\n[{got_status}] where the page has [{wanted_status}]\n{shown}"
        self._compare(command, said, shown)

    def _compare(self, command: str, said: list[str], shown: str) -> None:
        lines = iter(_plain(shown.splitlines()))
        skipping = False
        for wanted in _plain(said):
            if wanted == "…":
                skipping = True
                continue
            for line in lines:
                if self._fits(wanted, line):
                    break
                assert skipping, f"$ {command}\nthe page has:  {wanted}\nit says:       {line}\n\n{shown}"
            else:
                raise AssertionError(f"$ {command}\nnowhere in what it says: {wanted}\n\n{shown}")
            skipping = False
        rest = list(lines)
        assert skipping or not said or not rest, f"$ {command}\nit goes on: {rest[0]}\n\n{shown}"

    def _fits(self, wanted: str, line: str) -> bool:
        pattern, names, at = "", [], 0
        for found in re.finditer(f"{ID}|…", wanted):
            pattern += re.escape(wanted[at : found.start()])
            if found[0] == "…":
                pattern += ".*"
            elif found[0] in self.ids:
                pattern += re.escape(self.ids[found[0]])
            else:
                pattern += f"({ID})"
                names.append(found[0])
            at = found.end()
        match = re.fullmatch(pattern + re.escape(wanted[at:]), line)
        if match is None:
            return False
        self.ids.update(zip(names, match.groups(), strict=True))
        return True


def _commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines below it. A command goes on below where it ends with a backslash."""
    command, said = "", list[str]()
    lines = iter(block.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            said.append(line)
            continue
        if command:
            yield command, said
        command, said = line[2:], []
        while command.endswith("\\"):
            command = command[:-1] + next(lines).strip()
    if command:
        yield command, said


def _plain(lines: list[str]) -> list[str]:
    """Without what only makes it pretty: borders, repeated spaces, empty lines."""
    bare = (" ".join(re.sub(r"[─━│┃┏┓┗┛┳┻┣┫╋┡┩╇└┘┴┬┌┐├┤┼╞╡╪═╷╵╶╴╭╮╰╯]", " ", line).split()) for line in lines)
    return [line for line in bare if line and not line.startswith("development home:")]
