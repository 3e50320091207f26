"""The one logger: secrets masked in whatever it is given, lines that stay lines, and no library that writes past it."""

from __future__ import annotations

import base64
import json
import logging

import pytest

from infrafabric.keys.library_log import from_libraries
from infrafabric.keys.log import MAX_TEXT, make_logger
from infrafabric.keys.redaction import MASK, SecretRedactor

SECRET = "correct-horse-battery"


@pytest.fixture
def redactor() -> SecretRedactor:
    redactor = SecretRedactor()
    redactor.learn(SECRET)
    return redactor


def test_event_and_values_are_masked_wherever_the_secret_stands(redactor: SecretRedactor) -> None:
    lines: list[str] = []
    logger = make_logger(redactor.redact, lines.append)
    coded = base64.b64encode(SECRET.encode()).decode()
    logger.warning(
        f"said {SECRET}", plain=SECRET, nested={"a": [SECRET]}, coded=coded, data=SECRET.encode(), **{SECRET: 1}
    )
    (line,) = lines
    assert line.count(MASK) == 6
    assert not redactor.found(line)
    assert " warning said [***] " in line


def test_a_traceback_is_masked_and_one_line(redactor: SecretRedactor) -> None:
    lines: list[str] = []
    logger = make_logger(redactor.redact, lines.append, as_json=True)
    try:
        raise ValueError(f"no {SECRET}")
    except ValueError:
        logger.exception("failed", n=5)
    (line,) = lines
    said = json.loads(line)
    assert (said["event"], said["level"], said["n"]) == ("failed", "error", "5")
    assert "ValueError: no [***]" in said["raised"] and "test_log.py" in said["raised"]
    assert SECRET not in line


def test_a_line_stays_a_line_and_a_terminal_itself(redactor: SecretRedactor) -> None:
    lines: list[str] = []
    make_logger(redactor.redact, lines.append).info("a\nb\x1b[2J\u202e", more="c\r\n\x00d")
    (line,) = lines
    assert line.isprintable()
    assert "a\\nb\\x1b[2J\\u202e" in line


def test_what_cannot_be_shown_or_is_too_long_does_not_raise(redactor: SecretRedactor) -> None:
    class Sly:
        def __repr__(self) -> str:
            raise RuntimeError(SECRET)

    lines: list[str] = []
    logger = make_logger(redactor.redact, lines.append)
    logger.error("x", sly=Sly(), long="y" * 3 * MAX_TEXT + SECRET)
    (line,) = lines
    assert "(Sly that cannot be shown)" in line
    assert len(line) < MAX_TEXT + 200
    logger.debug("not worth a line")
    assert len(lines) == 1


def test_a_secret_at_the_edge_of_what_is_cut_is_not_left_in_half(redactor: SecretRedactor) -> None:
    lines: list[str] = []
    logger = make_logger(redactor.redact, lines.append)
    for before in range(MAX_TEXT - len(SECRET) - 2, MAX_TEXT + 2):
        logger.info("x", text="y" * before + SECRET)
    assert [line for line in lines if SECRET[:5] in line] == []


def test_what_libraries_log_comes_out_masked_and_nowhere_else(
    redactor: SecretRedactor, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # a house that other tests have open listens too
    lines: list[str] = []
    library = logging.getLogger("a.library")
    with from_libraries(make_logger(redactor.redact, lines.append)):
        library.warning("retrying %s", f"https://user:{SECRET}@host/")
        library.info("not worth a line")
        broken = logging.LogRecord("a.library", logging.ERROR, "x.py", 1, "a message of %d", ("no number",), None)
        logging.getLogger().handlers[-1].emit(broken)
        try:
            raise OSError(SECRET)
        except OSError:
            library.exception("failed")
    library.warning("afterwards")
    assert len(lines) == 3
    assert "retrying https://user:[***]@host/" in lines[0] and 'library="a.library"' in lines[0]
    assert "(a message that cannot be shown)" in lines[1]
    assert "OSError: [***]" in lines[2]
    assert SECRET not in capfd.readouterr().err
