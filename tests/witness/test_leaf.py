from __future__ import annotations

import base64
import uuid
import warnings
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, computed_field, field_serializer

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import BODIES, Body, Kind
from infrafabric.witness.facts import body_bytes, members_of
from infrafabric.witness.leaf import Leaf, commitment, format_at, leaf_bytes, parse_at, pseudonym, tokens

times = st.integers(0, 253_402_300_799_999)
nonces = st.binary(min_size=16, max_size=16)
hashes = st.binary(min_size=32, max_size=32)
actions = st.one_of(st.just(""), st.uuids().map(str))


@given(actions, hashes, times, hashes, st.sampled_from(Kind), nonces, st.integers(1, 2**53 - 1))
def test_leaf_bytes_are_rfc_8785_and_parse_back(
    action: str, actor_key: bytes, at: int, hash_: bytes, kind: Kind, nonce: bytes, seq: int
) -> None:
    nonce_text, body = tokens(nonce, hash_)
    actor = pseudonym(actor_key, "if://agent/a")
    data = leaf_bytes(action, actor, format_at(at), body, kind.value, nonce_text, seq)
    members = {
        "action": action, "actor": actor, "at": format_at(at), "body": body, "kind": kind.value, "nonce": nonce_text,
        "seq": seq, "v": 1,
    }  # fmt: skip
    assert data == rfc8785.dumps(members)
    assert Leaf.parse(data) == Leaf(action, actor, format_at(at), body, kind.value, nonce_text, seq)


@given(nonces, hashes)
def test_tokens_are_plain_base64url(nonce: bytes, hash_: bytes) -> None:
    expected = [base64.urlsafe_b64encode(data).decode().rstrip("=") for data in (nonce, hash_)]
    assert list(tokens(nonce, hash_)) == expected


@given(times)
def test_times_go_there_and_back(at: int) -> None:
    assert parse_at(format_at(at)) == at


def test_time_form() -> None:
    assert format_at(1_795_251_600_123) == "2026-11-21T09:00:00.123Z"
    for bad in ("2026-11-21T09:00:00Z", "2026-11-21T09:00:00.123+00:00", "2026-02-30T09:00:00.123Z", ""):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever datetime says of it
            parse_at(bad)


def test_commitment_and_pseudonym_are_what_the_format_says() -> None:
    assert commitment(b"s" * 32, b"{}") == sha256(b"infrafabric-body-v1\n" + b"s" * 32 + b"{}").digest()
    assert len(pseudonym(b"k" * 32, "if://agent/a")) == 22
    assert pseudonym(b"k" * 32, "if://agent/a") != pseudonym(b"l" * 32, "if://agent/a")
    assert pseudonym(b"k" * 32, "if://agent/a") != pseudonym(b"k" * 32, "if://agent/b")


GOOD = leaf_bytes("", "a" * 22, "2026-11-21T09:00:00.123Z", "b" * 43, "effect.observed", "c" * 22, 12)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        GOOD + b"\n",
        GOOD.replace(b'"v":1', b'"v":2'),
        GOOD.replace(b'"v":1', b'"v":1,"x":1'),
        GOOD.replace(b'"seq":12', b'"seq":0'),
        GOOD.replace(b'"seq":12', b'"seq":12.0'),
        GOOD.replace(b'"seq":12', b'"seq":true'),
        GOOD.replace(b'"seq":12', b'"seq":9007199254740992'),
        GOOD.replace(b'"action":""', b'"action":"A"'),
        GOOD.replace(b'"action":""', b'"action":1'),
        GOOD.replace(b"effect.observed", b"effect"),
        GOOD.replace(b"2026-11-21", b"2026-13-21"),
        GOOD.replace(b"a" * 22, b"a" * 21),
        b"[" * 500,
        b"x" * 2000,
    ],
)
def test_other_bytes_are_no_leaf(data: bytes) -> None:
    assert Leaf.parse(GOOD).seq == 12
    with pytest.raises(FabricError) as caught:
        Leaf.parse(data)
    assert caught.value.code is Code.RECEIPT_INVALID


unicode_text = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15, allow_nan=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | unicode_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé", max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(unicode_text, values, max_size=6))
def test_body_bytes_are_rfc_8785(members: dict[str, object]) -> None:
    assert body_bytes(members) == rfc8785.dumps(members)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), "\ud800"])
def test_bodies_without_a_canonical_form_are_refused(value: object) -> None:
    with pytest.raises(FabricError) as caught:
        body_bytes({"a": value})
    assert caught.value.code is Code.JSON_INVALID


def test_uuid_spelling_is_one() -> None:
    upper = str(uuid.UUID(int=0xABCDEF)).upper()
    with pytest.raises(FabricError):
        Leaf.parse(GOOD.replace(b'"action":""', f'"action":"{upper}"'.encode()))


@pytest.mark.parametrize("kind", [Body, *dict.fromkeys(BODIES.values())])
def test_members_are_what_the_word_says_in_json(kind: type[Body]) -> None:
    samples: dict[object, object] = {str: "ü\n", int: 7, bool: True}
    values: dict[str, Any] = {name: samples.get(field.annotation) for name, field in kind.model_fields.items()}
    for body in (kind.model_construct(**values), kind.model_construct(**{**values, "trace": Kind.KERNEL_STARTED})):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydantic's, of what was made without validation
            assert body_bytes(members_of(body)) == dumps(body.as_json())


def test_a_body_that_is_serialized_otherwise_is_not_taken_as_it_lies() -> None:
    class Aliased(Body):
        size: int = Field(default=3, serialization_alias="bytes")

    class Masked(Body):
        secret: str = "s"

        @field_serializer("secret")
        def mask(self, value: str) -> str:
            return "*" * len(value)

    class Counted(Body):
        size: int = 3

        @computed_field
        def twice(self) -> int:
            return 2 * self.size

    for body in (Aliased(), Masked(), Counted()):
        assert members_of(body) == body.as_json()
