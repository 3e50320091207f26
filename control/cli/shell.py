"""What a command talks through: results on stdout, everything else on stderr, as text or as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from infrafabric.control.cli.new_file import NewFile
from infrafabric.control.cli.streams import silence, writing_stdout
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.home import Home

__all__ = ["Shell", "coloured", "columns"]

MAX_WHY = 1_000
"""Characters of a reason: a sentence or two, as it will be read in the log."""
MIN_WIDTH, MAX_WIDTH = 60, 1_000
"""Columns of what is not shown on a terminal."""


class Shell:
    """One run of ifctl: where it speaks, which home it means, and the trace it goes under."""

    def __init__(self) -> None:
        self.as_json = False
        self.one_line = False
        """Whether each JSON answer is one line: for commands that answer again and again."""
        self.home_option: Path | None = None
        self.passphrase_file: Path | None = None
        self.redact: Callable[[str], str] = _same
        self._trace = ""
        self._warned: set[str] = set()

    # --- what the caller gave

    @property
    def trace(self) -> str:
        """The trace token of this run: `--trace-token`, else TRACEPARENT, else a fresh one."""
        if not self._trace:
            from infrafabric.kernel.words.names import new_trace_id, trace_id

            given = os.environ.get("TRACEPARENT", "")
            self._trace = trace_id(given) if given else new_trace_id()
        return self._trace

    @trace.setter
    def trace(self, token: str) -> None:
        from infrafabric.kernel.words.names import trace_id

        self._trace = trace_id(token)

    @property
    def root(self) -> Path:
        from infrafabric.control.home import chosen_home

        return chosen_home(self.home_option)

    def home(self) -> Home:
        """The home that was named. Raises IF_ERR_HOME_MISSING, IF_ERR_HOME_VERSION."""
        from infrafabric.control.home import Home

        return Home.open(self.root)

    def why(self, given: str | None) -> str:
        """The reason given with --why. Raises IF_ERR_WHY_REQUIRED, IF_ERR_TOO_LARGE."""
        if given is None or not given.strip():
            raise FabricError(Code.WHY_REQUIRED, "--why is missing")
        if len(given) > MAX_WHY:
            raise FabricError(Code.TOO_LARGE, f"--why has {len(given)} characters where {MAX_WHY} are taken")
        return given.strip()

    # --- what it answers

    def result(self, data: Any, render: Callable[[Console], None]) -> None:
        """The command's answer: `data` as JSON with --json, else what `render` prints."""
        if self.as_json:
            self.json(data)
            return
        console = self.console()
        with writing_stdout():
            render(console)

    def json(self, data: Any) -> None:
        """`data` on stdout. In ASCII, so that no control or bidirectional character reaches a terminal."""
        text = json.dumps(data, indent=None if self.one_line else 2, ensure_ascii=True, allow_nan=False)
        with writing_stdout():
            print(text)

    def say(self, text: str) -> None:
        """A line beside the answer: a hint, a station passed, a warning. On stderr."""
        self.tell(visible(text, 2_000))

    def warn(self, text: str) -> None:
        """A warning, told once however often the home is opened."""
        if text not in self._warned:
            self._warned.add(text)
            self.say(f"warning: {text}")

    def tell(self, text: str) -> None:
        """`text` as it stands on stderr. Where nothing can be written there, the command goes on unheard.

        An action under way must not stop half done because nobody reads about it.
        """
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            silence(sys.stderr)

    def progress(self, text: str) -> None:
        """Tells a person that something slow is under way; programs that asked for JSON are not told."""
        if not self.as_json or sys.stderr.isatty():
            self.say(f"… {text}")

    def console(self) -> Console:
        """Rich on stdout: colour on a terminal only, NO_COLOR honoured, markup and emoji codes off."""
        from rich.console import Console

        terminal = sys.stdout.isatty()
        width = None if terminal else min(max(columns() or 120, MIN_WIDTH), MAX_WIDTH)
        colour = terminal and coloured(sys.stdout)
        return Console(
            file=sys.stdout, no_color=not colour, force_terminal=terminal, markup=False, emoji=False,
            highlight=False, width=width, soft_wrap=False, color_system="auto" if colour else None,
        )  # fmt: skip

    def error(self, error: FabricError) -> None:
        """A refusal, with its code and what to do about it: JSON on stdout with --json, else text on stderr."""
        if self.as_json:
            self.json({"error": _redacted(error.as_json(), self.redact)})
            return
        code = error.code.value
        if coloured(sys.stderr):
            code = f"\x1b[1;31m{code}\x1b[0m"
        self.tell(f"{code}: {visible(self.redact(error.message), 2_000)}")
        self.tell(f"  what to do: {visible(self.redact(error.remedy), 1_000)}")

    def failed(self, *errors: FabricError) -> NoReturn:
        """End with the exit status of the first of `errors`. The JSON answer holds them already; as text, show them."""
        from click.exceptions import Exit

        if not self.as_json:
            for error in errors:
                self.error(error)
        raise Exit(errors[0].spec.exit_code)

    # --- files the caller named

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        """For what writes at a place that the caller named. Raises IF_ERR_FILE_UNWRITABLE."""
        try:
            yield
        except OSError as error:
            raise FabricError(Code.FILE_UNWRITABLE, f"{path}: {error.strerror or error}") from None

    def read_file(self, path: Path, limit: int) -> bytes:
        """The bytes of a file that the caller named. Raises IF_ERR_FILE_UNREADABLE, IF_ERR_TOO_LARGE."""
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise FabricError(Code.FILE_UNREADABLE, f"{path}: {error.strerror or error}") from None
        if len(data) > limit:
            raise FabricError(Code.TOO_LARGE, f"{path} is larger than {limit} bytes")
        return data

    def check_new(self, path: Path) -> None:
        """Find out by trying whether a file can be made. Raises IF_ERR_EXISTS, IF_ERR_FILE_UNWRITABLE."""
        NewFile(path).discard()

    def write_new(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Write a file that must not exist yet. Raises IF_ERR_EXISTS, IF_ERR_FILE_UNWRITABLE."""
        NewFile(path, mode).keep(data)


def columns() -> int:
    """The width that COLUMNS asks for; 0 where it asks for none. Raises IF_ERR_USAGE."""
    given = os.environ.get("COLUMNS") or "0"
    if not (given.isascii() and given.isdigit() and len(given) <= 9):
        raise FabricError(Code.USAGE, "COLUMNS is not a number", remedy="Set COLUMNS to a width, or unset it.")
    return int(given)


def coloured(stream: TextIO) -> bool:
    """Whether to colour on `stream`: a terminal that can, and no NO_COLOR (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _same(text: str) -> str:
    return text


def _redacted(shape: Mapping[str, object], redact: Callable[[str], str]) -> dict[str, object]:
    return {key: redact(value) if isinstance(value, str) else value for key, value in shape.items()}
