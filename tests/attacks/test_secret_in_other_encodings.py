"""A peer, or a guest, gives a secret back in another dress, or text that is meant to stall the search for it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from infrafabric.keys.redaction import MASK, SecretRedactor

SECRET = "Tr0ub4dor&3/sesame+open"


@pytest.fixture
def redactor() -> SecretRedactor:
    redactor = SecretRedactor()
    redactor.learn(SECRET)
    return redactor


DRESSES = {
    "every character percent-encoded": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    "some characters percent-encoded": SECRET.replace("e", "%65").replace("T", "%54"),
    "every character as \\u": "".join(f"\\u{ord(char):04x}" for char in SECRET),
    "every character as \\x": "".join(f"\\x{ord(char):02X}" for char in SECRET),
    "entities in hex": "".join(f"&#x{ord(char):x};" for char in SECRET),
    "a space after each character": " ".join(SECRET),
    "three layers": json.dumps(json.dumps(quote(SECRET, safe=""))),
    "mixed": quote(json.dumps(SECRET)).replace("sesame", "s%65s\\u0061me"),
    "base64 in an URL in JSON": json.dumps("https://h/?t=" + quote(base64.b64encode(b"id:" + SECRET.encode()))),
    "base64 of each alignment": " ".join(base64.b64encode(b"x" * n + SECRET.encode()).decode() for n in range(3)),
    "hex in mixed case": "".join(digit.upper() if at % 3 else digit for at, digit in enumerate(SECRET.encode().hex())),
}


@pytest.mark.parametrize("dressed", DRESSES.values(), ids=DRESSES.keys())
def test_it_is_found_and_masked(redactor: SecretRedactor, dressed: str) -> None:
    assert redactor.found(dressed)
    redacted = redactor.redact(f"a {dressed} z")
    assert not redactor.found(redacted)
    assert MASK in redacted
    assert len(redacted) < len(dressed) / 2 + 20


@pytest.mark.parametrize(
    "filler", ["\\", "%", "%25", "&#", "&amp;", "\\u", "%2", " ", "+", "T", "Tr0ub4dor", "\\\\n", "=", "\\x5c"]
)
def test_hostile_text_does_not_stall_the_search(filler: str) -> None:
    """A search that took time beyond linear in such text would not end within the test's time limit."""
    redactor = SecretRedactor()
    redactor.learn("\\" * 20 + "secret" + "\\" * 20)
    redactor.learn("T" * 40)
    redactor.learn(SECRET)
    text = filler * (200_000 // len(filler)) + json.dumps("\\" * 20 + "secret" + "\\" * 20)
    assert not redactor.found(redactor.redact(text))


def test_a_secret_split_between_values_is_not_claimed_to_be_found(redactor: SecretRedactor) -> None:
    """The limit of what redaction can do, kept here so that nobody believes more of it."""
    assert not redactor.found(json.dumps([SECRET[:11], SECRET[11:]]))
