"""Passkeys: what an authenticator signs holds for its own relying party, its own challenge and a verified person."""

from __future__ import annotations

import secrets

import cbor2
import pytest
from authenticator import PRESENT, VERIFIED, Authenticator
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import assume, given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import Assertion
from infrafabric.keys.passkeys import base64url, of_party, verify_assertion, verify_enrolment

CHALLENGE = b"\x07" * 32
DEVICE = Authenticator()
SIGNED = DEVICE.sign(CHALLENGE)


def check(device: Authenticator, signed: Assertion, challenge: bytes = CHALLENGE, rp_id: str = "localhost") -> str:
    return verify_assertion(signed, public_key=base64url(device.public_key), rp_id=rp_id, challenge=challenge)


def refused(device: Authenticator, signed: Assertion, challenge: bytes = CHALLENGE, rp_id: str = "localhost") -> str:
    with pytest.raises(FabricError) as caught:
        check(device, signed, challenge, rp_id)
    assert caught.value.code is Code.PASSKEY_INVALID
    return caught.value.message


def test_what_holds() -> None:
    device = Authenticator()
    assert check(device, device.sign(CHALLENGE)) == "http://localhost:8400"
    studio = Authenticator(rp_id="studio.example", origin="https://ops.studio.example")
    assert check(studio, studio.sign(CHALLENGE), rp_id="studio.example") == "https://ops.studio.example"


@pytest.mark.parametrize(
    ("device", "problem"),
    [
        (Authenticator(flags=PRESENT), "not verified"),
        (Authenticator(flags=VERIFIED), "not present"),
        (Authenticator(rp_id="elsewhere.example"), "RP ID"),
        (Authenticator(origin="http://127.0.0.1:8400"), "the passkey is for localhost"),
        (Authenticator(origin="https://evil.example"), "the passkey is for localhost"),
        (Authenticator(origin="http://localhost:8400/console"), "the passkey is for localhost"),
        (Authenticator(origin="http://localhost.evil.example"), "the passkey is for localhost"),
        (Authenticator(origin="http://a@localhost:8400"), "the passkey is for localhost"),
        (Authenticator(client={"type": "webauthn.create"}), "client data type"),
        (Authenticator(client={"crossOrigin": True}), "inside another page"),
        (Authenticator(client={"crossOrigin": "no"}), "inside another page"),
        (Authenticator(client={"topOrigin": "https://evil.example"}), "inside another page"),
        (Authenticator(client={"origin": 5}), "no JSON object with an origin"),
        (Authenticator(client={"challenge": 5}), "does not hold"),
    ],
)
def test_what_does_not(device: Authenticator, problem: str) -> None:
    assert problem in refused(device, device.sign(CHALLENGE))


def test_another_challenge_another_key_another_page() -> None:
    device, other = Authenticator(), Authenticator()
    signed = device.sign(CHALLENGE)
    assert "challenge" in refused(device, signed, b"\x08" * 32)
    assert "signature" in refused(other, signed)
    with pytest.raises(FabricError, match="not this console"):
        verify_assertion(
            signed,
            public_key=base64url(device.public_key),
            rp_id="localhost",
            challenge=CHALLENGE,
            origins=["http://localhost:9999"],
        )


def test_a_key_of_another_algorithm_or_none() -> None:
    device = Authenticator()
    signed = device.sign(CHALLENGE)
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    sha1 = cbor2.dumps({1: 3, 3: -65535, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")})
    for key in (sha1, b"\xff", b"", cbor2.dumps({}), cbor2.dumps([1])):
        with pytest.raises(FabricError) as caught:
            verify_assertion(signed, public_key=base64url(key), rp_id="localhost", challenge=CHALLENGE)
        assert caught.value.code is Code.PASSKEY_INVALID


@given(st.data())
def test_an_altered_part(data: st.DataObject) -> None:
    """Whatever byte of whatever part changes, it no longer holds, and nothing but the one code comes of it."""
    member = data.draw(st.sampled_from(["authenticator_data", "client_data", "signature"]))
    text = getattr(SIGNED, member)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_"))
    assume(letter != text[place])
    refused(DEVICE, SIGNED.model_copy(update={member: text[:place] + letter + text[place + 1 :]}))


@given(st.text(max_size=60), st.binary(max_size=80))
def test_garbage(text: str, raw: bytes) -> None:
    for member in ("authenticator_data", "client_data", "signature"):
        for value in (text, base64url(raw)):
            refused(DEVICE, SIGNED.model_copy(update={member: value}))


def test_enrolling() -> None:
    device, challenge = Authenticator(), secrets.token_bytes(32)
    found = verify_enrolment(device.enrol(challenge), challenge=challenge, rp_id="localhost")
    assert (found.id, found.public_key) == (base64url(device.id), base64url(device.public_key))
    with pytest.raises(FabricError, match="challenge"):
        verify_enrolment(device.enrol(challenge), challenge=b"other", rp_id="localhost")
    with pytest.raises(FabricError, match="client data"):
        verify_enrolment({"id": "x"}, challenge=challenge, rp_id="localhost")
    for wrong in (Authenticator(flags=PRESENT), Authenticator(origin="https://evil.example")):
        with pytest.raises(FabricError) as caught:
            verify_enrolment(wrong.enrol(challenge), challenge=challenge, rp_id="localhost")
        assert caught.value.code is Code.PASSKEY_INVALID


@pytest.mark.parametrize(
    ("origin", "rp_id", "belongs"),
    [
        ("https://studio.example", "studio.example", True),
        ("https://studio.example:8443", "studio.example", True),
        ("https://a.studio.example", "studio.example", True),
        ("http://studio.example", "studio.example", False),
        ("https://badstudio.example", "studio.example", False),
        ("http://localhost:1", "localhost", True),
        ("http://a.localhost:1", "localhost", False),
        ("ftp://localhost", "localhost", False),
        ("http://localhost:1?x", "localhost", False),
        ("http://[", "localhost", False),
        ("null", "localhost", False),
        ("", "", False),
    ],
)
def test_pages_of_a_party(origin: str, rp_id: str, belongs: bool) -> None:
    assert of_party(origin, rp_id) is belongs
