"""Names: their forms, and what is none."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import (
    capability_id,
    new_action_id,
    new_trace_id,
    product_of,
    short_name,
    talent_id,
    trace_id,
)


def test_short_and_full_names_name_the_same() -> None:
    assert capability_id("vmix.switcher") == capability_id("if://capability/vmix.switcher")
    assert short_name(capability_id("vmix.switcher")) == "vmix.switcher"
    assert product_of("if://capability/vmix.switcher") == product_of("vmix@studio-a") == "vmix"
    assert talent_id("Finance.Agent") == "if://agent/Finance.Agent"
    assert talent_id("operator", "person") == "if://person/operator"


@pytest.mark.parametrize(
    "name", ["", "vmix", "Vmix.switcher", "vmix..x", "vmix.switcher\n", "../x.y", "if://talent/x.y", "a.b.c.d.e"]
)
def test_what_is_no_capability(name: str) -> None:
    with pytest.raises(FabricError) as refusal:
        capability_id(name)
    assert refusal.value.code is Code.NAME_INVALID


def test_trace_tokens_are_the_same_128_bits_in_each_form() -> None:
    token = uuid.UUID("0af76519-16cd-43dd-8448-eb211c80319c")
    assert trace_id(str(token)) == trace_id(token.hex) == token.hex
    assert trace_id(f"00-{token.hex}-b7ad6b7169203331-01") == token.hex


@pytest.mark.parametrize(
    "text",
    ["", "0" * 32, "xyz", "0af7651916cd43dd8448eb211c80319", "00-00000000000000000000000000000000-b7ad6b7169203331-01"],
)
def test_what_is_no_trace_token(text: str) -> None:
    with pytest.raises(FabricError):
        trace_id(text)


@given(st.text(max_size=60))
def test_any_text_is_a_trace_or_a_clear_refusal(text: str) -> None:
    try:
        assert len(trace_id(text)) == 32
    except FabricError as error:
        assert error.code is Code.NAME_INVALID


def test_action_ids_are_uuidv7_in_order_of_time() -> None:
    first, second = uuid.UUID(new_action_id()), uuid.UUID(new_action_id())
    assert first.version == second.version == 7 and first.variant == uuid.RFC_4122
    assert first.int >> 80 <= second.int >> 80
    assert new_trace_id() != new_trace_id()
