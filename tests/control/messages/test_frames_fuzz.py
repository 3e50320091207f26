"""Whatever bytes come: an envelope is read, or refused with one of the codes that say so."""

from __future__ import annotations

import json
from typing import Any

import orjson
from envelopes import draft
from hypothesis import given, settings
from hypothesis import strategies as st

from infrafabric.control.messages.frames import read_frame
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.transports.envelopes.signing import sign_envelope

KEY = SigningKey.from_seed(bytes(range(32)))
REFUSALS = {Code.JSON_INVALID, Code.MESSAGE_INVALID, Code.TOO_LARGE, Code.CLAIM_INVALID}
REQUEST = {"intent": {"capability": "vmix.switcher", "intent": {"scene": "Intro"}, "why": "show open"}}
MEMBERS = json.loads(
    orjson.dumps(sign_envelope({**draft(1, performative="request", content=REQUEST), "signature": {}}, KEY))
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["", "a" * 300, "0" * 44]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        inner = [place for name in value for place in places(value[name], (*path, name))]
    elif isinstance(value, list):
        inner = [place for index in range(len(value)) for place in places(value[index], (*path, index))]
    return [path, *inner] if path else inner


def read(data: bytes) -> None:
    try:
        opened = read_frame(data, 1 << 16, 1 << 18).opened
    except FabricError as refused:
        assert refused.code in REFUSALS
        assert len(refused.message) < 2_000
    else:
        opened.is_signed()
        assert opened.text.encode() == data or b'"envelope"' in data


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read(data)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(places(MEMBERS)), values)
def test_any_value_in_any_place(place: tuple[Any, ...], value: Any) -> None:
    members = json.loads(json.dumps(MEMBERS))
    inner = members
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    read(json.dumps(members).encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(values, values)
def test_any_frame(envelope: Any, evidence: Any) -> None:
    read(json.dumps({"envelope": envelope, "evidence": evidence}).encode("utf-8", "surrogatepass"))
    whole = json.dumps({"envelope": json.dumps(MEMBERS), "evidence": evidence})
    read(whole.encode("utf-8", "surrogatepass"))
