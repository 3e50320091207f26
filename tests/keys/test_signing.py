from __future__ import annotations

import base64
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import PublicKey, SigningKey

# RFC 8032 section 7.1: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
        "24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302a"
        "eeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    key = SigningKey.from_seed(bytes.fromhex(seed))
    assert key.public.raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert PublicKey(bytes.fromhex(public)).verify(bytes.fromhex(message), bytes.fromhex(signature))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_a_signature_holds_until_a_bit_is_changed(seed: bytes, message: bytes, bit: int) -> None:
    key = SigningKey.from_seed(seed)
    signature = key.sign(message)
    assert key.public.verify(message, signature)
    assert not key.public.verify(message + b".", signature)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not key.public.verify(message, bytes(changed))


@pytest.mark.parametrize("signature", [b"", b"x" * 63, b"x" * 65, None, "x" * 64, 7])
def test_what_is_no_signature_is_a_wrong_one(signature: object) -> None:
    assert SigningKey.generate().public.verify(b"message", signature) is False  # type: ignore[arg-type]


def test_a_message_that_is_no_bytes_does_not_verify() -> None:
    key = SigningKey.generate()
    assert key.public.verify("text", key.sign(b"text")) is False  # type: ignore[arg-type]


def test_text_and_back() -> None:
    key = SigningKey.generate().public
    assert PublicKey.from_base64(str(key)) == key
    assert base64.b64decode(str(key)) == key.raw
    assert len(key.fingerprint) == 16


@pytest.mark.parametrize(
    "text", ["", "AAAA", "*" * 44, "ä" * 44, "A" * 43, "A" * 43 + "=\n", " " + "A" * 43 + "=", "A" * 42 + "B="]
)
def test_only_the_canonical_base64_of_32_bytes_is_a_key(text: str) -> None:
    with pytest.raises(FabricError) as refusal:
        PublicKey.from_base64(text)
    assert refusal.value.code is Code.KEY_INVALID


def test_the_private_half_shows_nowhere() -> None:
    key = SigningKey.generate()
    for shown in (repr(key), str(key), f"{[key]}", repr(key.public)):
        assert key.seed.hex() not in shown
        assert repr(key.seed) not in shown
        assert base64.b64encode(key.seed).decode() not in shown


def test_equal_seeds_are_equal_keys() -> None:
    key = SigningKey.generate()
    assert key == SigningKey.from_seed(key.seed) == copy.deepcopy(key)
    assert key != SigningKey.generate()
    with pytest.raises(FabricError):
        SigningKey.from_seed(b"short")
