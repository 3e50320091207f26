from __future__ import annotations

import base64
import html
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Redactor
from infrafabric.keys.disguises import normal
from infrafabric.keys.redaction import MASK, SecretRedactor

SECRET = 'pä"ss/w\\o rd+😀!'

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after 1": lambda text: base64.b64encode(b"u" + text.encode()).decode(),
    "base64 in Basic": lambda text: base64.b64encode(b"us:" + text.encode() + b"?!").decode()[1:],
    "base64 urlsafe": lambda text: base64.urlsafe_b64encode(b"ab" + text.encode() + b"c").decode(),
    "base64 in lines": lambda text: base64.encodebytes(b"some header: " * 9 + text.encode()).decode(),
    "base64 percent-encoded": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "percent": lambda text: quote(text, safe=""),
    "percent, lower case": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent, slashes kept": quote,
    "form": quote_plus,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON, slashes escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "base64 of JSON": lambda text: base64.b64encode(json.dumps(text).encode()).decode(),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "ascii": ascii,
    "HTML": html.escape,
    "HTML, numbers": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "Latin-1 misread": lambda text: text.encode().decode("latin-1"),
}
secrets = st.text(min_size=8, max_size=40).filter(lambda text: _is_text(text) and len(normal(text)) >= 8)


def _is_text(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def knowing(*values: str) -> SecretRedactor:
    redactor = SecretRedactor()
    for value in values:
        redactor.learn(value)
    return redactor


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_a_secret_is_cut_out_of_its_surroundings(encoding: Callable[[str], str]) -> None:
    redactor = knowing(SECRET)
    redacted = redactor.redact(f"before, {encoding(SECRET)}, after")
    assert redacted.startswith("before, ")
    assert redacted.endswith(", after")
    assert MASK in redacted
    assert not redactor.found(redacted)


@given(secrets, st.sampled_from(sorted(ENCODINGS)), st.text(alphabet="abc ,:{}=é\n", max_size=9))
def test_no_secret_passes_in_any_encoding(secret: str, encoding: str, around: str) -> None:
    redactor = knowing(secret)
    coded = ENCODINGS[encoding](secret)
    text = f"{around} {coded} {around}"
    assert redactor.found(text)
    redacted = redactor.redact(text)
    assert not redactor.found(redacted)
    assert coded not in redacted


@given(secrets, st.text(max_size=60))
def test_text_without_the_secret_stays_as_it_is(secret: str, text: str) -> None:
    assume(normal(secret) not in normal(text))
    redactor = knowing(secret)
    assume(not redactor.found(text))
    assert redactor.redact(text) == text


@given(st.lists(secrets, max_size=4), st.text(max_size=80))
def test_redacting_twice_is_redacting_once(values: list[str], text: str) -> None:
    redactor = knowing(*values)
    once = redactor.redact(text + "".join(values))
    assert not redactor.found(once)
    assert redactor.redact(once) == once


def test_secrets_that_overlap_are_masked_as_one() -> None:
    redactor = knowing("abcdefghij", "fghijklmno", "cdefghijkl")
    assert redactor.redact("<abcdefghijklmno>") == f"<{MASK}>"


def test_a_secret_made_of_the_mask_is_masked_too() -> None:
    redactor = knowing(MASK + MASK)
    assert redactor.redact(f"{MASK}{MASK}{MASK}{MASK}") == MASK


def test_a_secret_that_appears_by_masking_another_is_masked_too() -> None:
    redactor = knowing("a" * 8, f"bbbb{MASK}cccc")
    assert redactor.redact("bbbbaaaaaaaacccc") == MASK


def test_no_bits_of_a_secret_are_left_beside_the_mask_in_base64() -> None:
    """`u:` fills two characters and two thirds of the third, which also holds the secret's first two bits."""
    redactor = knowing("0123456789")
    assert base64.b64encode(b"u:0123456789") == b"dTowMTIzNDU2Nzg5"
    assert redactor.redact("dTowMTIzNDU2Nzg5") == f"dT{MASK}"
    assert base64.b64encode(b"0123456789!?") == b"MDEyMzQ1Njc4OSE/"  # "SE" is 4 bits of the 9, then of the "!"
    assert redactor.redact("MDEyMzQ1Njc4OSE/") == f"{MASK}E/"


def test_an_ordinary_text_is_not_touched() -> None:
    redactor = knowing("hunter2hunter2")
    text = "GET /api?Function=Cut&Input=3 answered 200; hunter2 is no secret, HUNTER2HUNTER2 neither"
    assert redactor.redact(text) == text
    assert not redactor.found("")


def test_the_lines_of_a_long_secret_are_masked_one_by_one() -> None:
    lines = [base64.b64encode(bytes([number]) * 48).decode() for number in range(3)]
    pem = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    redactor = knowing(pem)
    assert redactor.redact(f"at line 2: {lines[1]}.") == f"at line 2: {MASK}."
    redacted = redactor.redact(json.dumps({"key": pem}))
    assert not any(line in redacted for line in lines)
    assert redactor.redact("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_json_is_masked_in_values_names_and_numbers() -> None:
    redactor = knowing("sesame-open", "1234567890")
    value: dict[str, Any] = {
        "a": ["x sesame-open y", 1234567890, 1.5, True, None, 7],
        "sesame-open": {"b": ("12345678901", "fine")},
    }
    assert redactor.redact_json(value) == {
        "a": [f"x {MASK} y", MASK, 1.5, True, None, 7],
        MASK: {"b": [f"{MASK}1", "fine"]},
    }


@pytest.mark.parametrize("value", ["", "1234567", "a      \n\tb", "%41%41%41%41"])
def test_a_short_secret_is_refused(value: str) -> None:
    with pytest.raises(FabricError) as refusal:
        SecretRedactor().learn(value)
    assert refusal.value.code is Code.SECRET_TOO_SHORT
    assert not value or value not in refusal.value.message


def test_half_a_character_is_refused() -> None:
    with pytest.raises(FabricError) as refusal:
        SecretRedactor().learn("12345678\ud800")
    assert refusal.value.code is Code.SECRET_NOT_TEXT


def test_many_threads_may_learn_and_redact() -> None:
    redactor = SecretRedactor()
    leaks: list[str] = []

    def work(number: int) -> None:
        for count in range(20):
            secret = f"secret-{number}-{count}-end"
            redactor.learn(secret)
            if secret in redactor.redact(f"says {secret}"):
                leaks.append(secret)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert leaks == []
    every = " ".join(f"secret-{number}-{count}-end" for number in range(8) for count in range(20))
    assert "secret-" not in redactor.redact(every)
    assert repr(redactor) == "SecretRedactor(160 secrets)"


def test_it_is_the_kernels_redactor() -> None:
    redactor: Redactor = knowing("sesame-open")
    assert redactor.found("sesame-open")
