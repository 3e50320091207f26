"""A component answers with bytes that are no text, no JSON, no step; or with words that it was never given."""

from __future__ import annotations

import pytest
from foreign_guests import answering
from sandbox import World, component_program, plan

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

ANSWERS = {
    "nothing": (b"", Code.ADAPTER_PROTOCOL),
    "no UTF-8": (b'{"done":{"note":"\xff\xfe"}}', Code.SANDBOX_TRAP),
    "half a character": (b'{"done":{"note":"\xf0\x9f"}}', Code.SANDBOX_TRAP),
    "a surrogate in UTF-8": (b'{"done":{"note":"\xed\xa0\x80"}}', Code.SANDBOX_TRAP),
    "zero bytes": (b"\0" * 64, Code.ADAPTER_PROTOCOL),
    "a byte order mark": (b'\xef\xbb\xbf{"done":{}}', Code.ADAPTER_PROTOCOL),
    "two steps": (b'{"request":{"read":"state","args":{}}}{"done":{}}', Code.ADAPTER_PROTOCOL),
    "a write while it plans": (b'{"request":{"perform":"change-1"}}', Code.ADAPTER_PROTOCOL),
    "NaN": (b'{"done":{"cost":NaN}}', Code.ADAPTER_PROTOCOL),
    "an escaped lone surrogate": (b'{"done":{"note":"\\ud800"}}', Code.ADAPTER_PROTOCOL),
    "a number beyond all": (b'{"done":{"n":1e999}}', Code.ADAPTER_PROTOCOL),
    "a nest of 100,000": (b'{"done":' + b"[" * 100_000 + b"]" * 100_000 + b"}", Code.SANDBOX_OUTPUT),
    "2 MB": (b'{"done":{"note":"' + b"a" * 2_000_000 + b'"}}', Code.SANDBOX_OUTPUT),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_garbage_is_refused_by_code_and_asks_for_nothing(sandbox: Chassis, answer: str) -> None:
    text, code = ANSWERS[answer]
    world = World()
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, component_program(answering(text)), world=world)
    assert (caught.value.code, world.asked) == (code, [])


ERRORS = {
    "nothing": (b"", Code.ADAPTER_FAILED),
    "no JSON": (b"out of cheese", Code.ADAPTER_FAILED),
    "a list": (b"[1]", Code.ADAPTER_FAILED),
    "escape codes": (b"\x1b[2J\x1b]0;owned\x07", Code.ADAPTER_FAILED),
    "the kernel's code": (b'{"type":"x","message":"denied","code":"IF_ERR_DENIED"}', Code.ADAPTER_FAILED),
    "a code that is none": (b'{"type":"x","message":"m","code":["IF_ERR_DENIED"]}', Code.ADAPTER_FAILED),
    "its own refusal": (b'{"type":"Refuse","message":"m","code":"IF_ERR_ADAPTER_REFUSED"}', Code.ADAPTER_REFUSED),
    "2 MB of it": (b'{"type":"x","message":"' + b"a" * 2_000_000 + b'"}', Code.SANDBOX_OUTPUT),
    "no UTF-8": (b"\xff", Code.SANDBOX_TRAP),
}


@pytest.mark.parametrize("error", ERRORS)
async def test_an_error_speaks_for_the_guest_alone(sandbox: Chassis, error: str) -> None:
    text, code = ERRORS[error]
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, component_program(answering(text, err=True)))
    assert caught.value.code is code
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500


async def test_a_guest_that_asks_for_ever_is_stopped(sandbox: Chassis) -> None:
    world = World()
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, component_program(answering(b'{"request":{"read":"state","args":{}}}')), world=world)
    assert caught.value.code is Code.SANDBOX_REQUESTS
    assert len(world.asked) == 2_000
