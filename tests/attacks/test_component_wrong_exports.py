"""A component exports other things than it must, or the right names with other types: refused before any of it runs."""

from __future__ import annotations

import pytest
from foreign_guests import EXPORT, LIFT, wat_component
from sandbox import component_program

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

START, RESUME = EXPORT.format("start"), EXPORT.format("resume")
BARE = "(canon lift (core func $f))"
WRONG = {
    "nothing": ("", "start"),
    "no resume": (START, "resume"),
    "another name": (START + EXPORT.format("resumed"), "resume"),
    "an instance for a function": (
        f'{START} (instance $i) (export "resume" (instance $i))',
        "resume",
    ),
    "a type for a function": (f'{START} (type $t string) (export "resume" (type $t))', "resume"),
    "numbers for the text": (
        f'{START} (func (export "resume") (param "p" u32) (param "n" u32) (result u32) {BARE})',
        "resume",
    ),
    "bytes for the text": (
        f'{START} (func (export "resume") (param "json" (list u8)) (result (result string (error string))) {LIFT})',
        "resume",
    ),
    "a plain string for the result": (
        f'{RESUME} (func (export "start") (param "json" string) (result string) {LIFT})',
        "start",
    ),
    "a result of bytes": (
        f'{RESUME} (func (export "start") (param "json" string) (result (result (list u8) (error string))) {LIFT})',
        "start",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_wrong_exports_are_refused_as_the_component_is_loaded(sandbox: Chassis, wrong: str) -> None:
    exports, name = WRONG[wrong]
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(wat_component(exports=exports)))
    assert caught.value.code is Code.ENTRYPOINT_INVALID
    assert name in caught.value.message


async def test_more_exports_than_needed_do_no_harm(sandbox: Chassis) -> None:
    await sandbox.load(component_program(wat_component(exports=START + RESUME + EXPORT.format("more"))))
