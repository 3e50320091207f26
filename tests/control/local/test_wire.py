"""What crosses the local door comes out as it went in."""

from __future__ import annotations

import asyncio
import inspect
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import World

from infrafabric.control.local import calls, wire
from infrafabric.control.local.frames import LENGTH_BYTES, MAX_BYTES, encode, read_frame
from infrafabric.control.local.remote import RemoteKernel, RemoteLog
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.kernel import Kernel
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, SecretChanged
from infrafabric.kernel.words.plan import Outcome
from infrafabric.witness.log import WitnessLog

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
asks = st.builds(
    Ask,
    capability=st.text(),
    talent=st.text(),
    intent=st.dictionaries(st.text(), values, max_size=4),
    why=st.text(),
    purpose=st.sampled_from(["plan", "apply", "dry_run", "undo"]),
    target=st.none() | st.text(),
    idempotency_key=st.text(),
    hazards=st.lists(st.text(), max_size=3).map(tuple),
    evidence=st.lists(st.text(), max_size=3).map(tuple),
    falsify=st.booleans(),
    deadline_s=st.none() | st.floats(0, 1e6),
)


def crossed(shape: Any) -> Any:
    """As it is on the other side."""
    return json.loads(json.dumps(shape))


@given(asks)
def test_an_ask_crosses_whole(ask: Ask) -> None:
    call = calls.Act(ask=wire.ask_to(ask)).model_dump(mode="json", by_alias=True)
    again = calls.Act.model_validate(crossed(call))
    assert wire.ask_from(again.ask) == ask


async def test_reports_of_all_kinds_cross_whole(world: World) -> None:
    async with world.opened() as house:
        kernel = house.kernel
        done = await kernel.act(world.lamps(hall=True))
        world.peer.refuses = 500
        refused = await kernel.act(world.lamps(porch=True))
        world.peer.refuses = 0
        found = [
            done,
            refused,
            await kernel.act(world.lamps("plan", attic=True)),
            await kernel.act(world.ask("house.bell", {"tone": "low"})),
            await kernel.act(world.ask("house.bell", {"tone": 5})),
            await kernel.undo(done.action, "if://person/operator", "x"),
        ]
        replayed = await kernel.replay(done.action)
    assert {report.outcome for report in found} >= {Outcome.CONVERGED, Outcome.PLANNED, Outcome.REFUSED, Outcome.UNDONE}
    for report in found:
        again = wire.report_from(crossed(wire.report_to(report)))
        assert told(again) == told(report)
    assert wire.replayed_from(crossed(wire.replayed_to(replayed))) == replayed


def told(report: Report) -> list[Any]:
    error = None if report.error is None else report.error.as_json()
    names = [name for name in Report.__dataclass_fields__ if name != "error"]
    return [error, *(getattr(report, name) for name in names)]


def test_an_entry_crosses_whole() -> None:
    body = SecretChanged(
        talent="if://person/operator", name="KEY", change="rotated", why="x", until="2026-01-01T00:00:00Z"
    )
    entry = Entry(Kind.SECRET_CHANGED, body, actor="if://person/operator")
    assert wire.entry_from(crossed(wire.entry_to(entry))) == entry


@pytest.mark.parametrize(
    "shape",
    [{}, {"kind": "no.such", "body": {}, "action": "", "actor": ""}, {"kind": "message.admitted", "body": {"x": 1}},
     {"kind": "secret.changed", "body": {"name": 5}, "action": "", "actor": ""}],
)  # fmt: skip
def test_what_is_no_entry_is_refused(shape: dict[str, Any]) -> None:
    with pytest.raises(FabricError) as refused:
        wire.entry_from(shape)
    assert refused.value.code is Code.USAGE


@pytest.mark.parametrize("shape", [None, [], {}, {"action": 5}, "x"])
def test_what_is_no_report_is_no_kernels_answer(shape: Any) -> None:
    with pytest.raises(FabricError) as refused:
        wire.report_from(shape)
    assert refused.value.code is Code.SERVER_ANSWER


def test_a_refusal_crosses_with_its_code_and_what_to_do() -> None:
    error = FabricError(Code.BUSY, "too much", remedy="wait", retry_after=1.5)
    assert wire.error_from(crossed(wire.error_to(error))).as_json() == error.as_json()
    for shape in ({}, {"code": "IF_ERR_NONE", "message": "x", "remedy": "x"}, {"code": "IF_ERR_BUSY"}, None):
        assert wire.error_from(shape).code is Code.SERVER_ANSWER  # type: ignore[arg-type]


async def frames(data: bytes, most: int = MAX_BYTES) -> list[dict[str, Any]]:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    found = []
    while (frame := await read_frame(reader, most)) is not None:
        found.append(frame)
    return found


async def test_frames_are_read_as_they_were_written() -> None:
    wanted: list[dict[str, Any]] = [{}, {"a": [1, None, "ä\ud800"]}, {"b": math.pi, "big": 2**70}]
    assert await frames(b"".join(encode(one) for one in wanted)) == wanted


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff\xff\xff\xff", Code.SERVER_ANSWER),
        (b"\0\0", Code.SERVER_UNREACHABLE),
        (b"\0\0\0\x05{}", Code.SERVER_UNREACHABLE),
        (b"\0\0\0\x02[]", Code.SERVER_ANSWER),
        (b"\0\0\0\x02{]", Code.SERVER_ANSWER),
        (b"\0\0\0\x02\xff\xff", Code.SERVER_ANSWER),
        ((200_000).to_bytes(LENGTH_BYTES, "big") + b"[" * 200_000, Code.SERVER_ANSWER),
    ],
)
async def test_what_is_no_frame_is_refused(data: bytes, code: Code) -> None:
    with pytest.raises(FabricError) as refused:
        await frames(data)
    assert refused.value.code is code


@pytest.mark.parametrize(("remote", "real"), [(RemoteKernel, Kernel), (RemoteLog, WitnessLog)])
def test_what_stands_for_the_kernel_takes_the_same_calls(remote: type, real: type) -> None:
    made = {name: member for name, member in vars(remote).items() if not name.startswith("_")}
    assert made
    for name, member in made.items():
        assert parameters(member) == parameters(getattr(real, name)), name


def parameters(member: Any) -> list[tuple[str, Any, Any]]:
    return [(one.name, one.kind, one.default) for one in inspect.signature(member).parameters.values()]
