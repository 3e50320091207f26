"""A library puts the token, or the whole request, into the text of its exception."""

from __future__ import annotations

import base64
import json

import pytest

from infrafabric.keys.redaction import SecretRedactor

TOKEN = "eyJhbGciOi-token/with+signs"


@pytest.fixture
def redactor() -> SecretRedactor:
    redactor = SecretRedactor()
    redactor.learn(TOKEN)
    return redactor


@pytest.mark.parametrize(
    "text",
    [
        f"401 for https://user:{TOKEN}@host/",
        f"bad header b'Bearer {TOKEN}'",
        f"Authorization: Basic {base64.b64encode(f'admin:{TOKEN}'.encode()).decode()}",
        json.dumps({"headers": {"x-token": TOKEN}}).replace("/", "\\/"),
    ],
)
def test_the_message_says_what_happened_without_it(redactor: SecretRedactor, text: str) -> None:
    message = redactor.message_of(ValueError(text))
    assert message.startswith("ValueError: ")
    assert TOKEN not in message
    assert not redactor.found(message)
    assert "[***]" in message


def test_a_secret_at_the_edge_of_a_long_message_is_not_cut_in_half(redactor: SecretRedactor) -> None:
    for before in range(460, 500):
        message = redactor.message_of(ValueError("x" * before + TOKEN + "y" * 100))
        assert len(message) <= 500
        assert TOKEN[:6] not in message


def test_a_secret_spread_over_two_lines_does_not_come_together(redactor: SecretRedactor) -> None:
    message = redactor.message_of(ValueError(f"first\nsecond {TOKEN[:10]}\n{TOKEN[10:]} third"))
    assert "\n" not in message
    assert not redactor.found(message)


def test_terminal_escapes_do_not_reach_a_terminal(redactor: SecretRedactor) -> None:
    message = redactor.message_of(ValueError("\x1b]0;title\x07\x1b[2J ‮ fine"))
    assert message.isprintable()


def test_an_exception_that_cannot_be_shown_is_named() -> None:
    class Sly(Exception):
        def __str__(self) -> str:
            raise RuntimeError(TOKEN)

    assert SecretRedactor().message_of(Sly()) == "Sly: (its message cannot be shown)"
    assert SecretRedactor().message_of(TimeoutError()) == "TimeoutError"
