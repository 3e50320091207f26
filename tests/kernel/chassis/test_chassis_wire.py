"""Frames and steps: pure parts, tried with whatever may come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.chassis.program import RunLimits
from infrafabric.kernel.chassis.steps import Done, Request, failure, one_line, parse_step
from infrafabric.kernel.chassis.wire import HEADER, MAX_FRAME, Decoder, FrameError, encode
from infrafabric.kernel.errors import Code, FabricError

messages = st.lists(
    st.tuples(st.dictionaries(st.text(max_size=5), st.integers(-9, 9)), st.binary(max_size=50)), max_size=6
)


@given(messages, st.data())
def test_frames_come_back_whatever_the_pieces(sent: list[tuple[dict[str, int], bytes]], data: st.DataObject) -> None:
    stream = b"".join(encode(message, blob) for message, blob in sent)
    decoder, received, at = Decoder(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, 40))
        received += list(decoder.feed(stream[at : at + size]))
        at += size
    assert received == sent


@pytest.mark.parametrize("frame", [HEADER.pack(MAX_FRAME, 1), HEADER.pack(1, 0) + b"{", HEADER.pack(2, 0) + b"[]"])
def test_what_is_no_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(FrameError):
        list(Decoder().feed(frame))


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_of_a_guest_is_a_step_or_a_refusal(text: str) -> None:
    for made in (text, f'{{"done": {text}}}', f'{{"request": {text}}}'):
        try:
            assert isinstance(parse_step(made, "plan", RunLimits()), (Done, Request))
        except FabricError as error:
            assert error.code in {Code.ADAPTER_PROTOCOL, Code.SANDBOX_OUTPUT}
    assert failure(text, ()).message.isprintable()


@given(st.text(max_size=2_000))
def test_words_of_a_guest_are_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 300


@pytest.mark.parametrize("request_", ['{"perform": "change-1"}', '{"wait": 1}'])
def test_what_a_plan_may_not_ask_an_apply_may(request_: str) -> None:
    text = f'{{"request": {request_}}}'
    assert isinstance(parse_step(text, "apply", RunLimits()), Request)
    with pytest.raises(FabricError) as caught:
        parse_step(text, "plan", RunLimits())
    assert caught.value.code is Code.ADAPTER_PROTOCOL


@pytest.mark.parametrize("seconds", ["-1", "1e9", "true", '"1"', "null"])
def test_waits_are_of_this_world(seconds: str) -> None:
    with pytest.raises(FabricError) as caught:
        parse_step(f'{{"request": {{"wait": {seconds}}}}}', "apply", RunLimits())
    assert caught.value.code is Code.ADAPTER_PROTOCOL


def test_a_code_that_was_given_may_come_back() -> None:
    text = '{"type": "EffectError", "message": "503", "code": "IF_ERR_TARGET_STATUS"}'
    assert failure(text, {"IF_ERR_TARGET_STATUS"}).code is Code.TARGET_STATUS
    assert failure(text, ()).code is Code.ADAPTER_FAILED
