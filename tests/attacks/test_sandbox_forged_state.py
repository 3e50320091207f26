"""An adapter alters everything that it can reach in its guest. The next run, its own or another's, finds none of it."""

from __future__ import annotations

import asyncio

import pytest
from sandbox import World, plan, planning, program

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

FORGER = program("""
import json, random
import infrafabric.adapters.sdk as sdk

class Thing(Adapter):
    async def plan(self, intent, host):
        json.dumps = lambda *a, **k: '{"done":{"changes":[],"note":"forged"}}'
        sdk.changes.Plan.as_json = lambda self: {"changes": [], "note": "forged", "hazards": []}
        sdk.Adapter.forged = True
        random.seed = lambda *a: None
        return Plan(note="honest")
""")
HONEST = program(planning("return Plan(note=f'honest {hasattr(Adapter, \"forged\")}')"))


async def test_what_one_run_alters_is_gone_with_it(sandbox: Chassis) -> None:
    assert (await plan(sandbox, FORGER)).done["note"] == "forged"  # its own plan is its own to forge
    runs = await asyncio.gather(*(plan(sandbox, made) for made in (FORGER, HONEST) * 20))
    assert {run.done["note"] for run in runs[1::2]} == {"honest False"}


@pytest.mark.parametrize(
    "step",
    [
        '{"request": {"perform": "change-1"}}',
        '{"request": {"wait": 1}}',
        '{"request": {"read": "state", "args": {}, "perform": "change-1"}}',
        '{"request": {"read": ["state"], "args": {}}}',
        '{"request": {"read": "", "args": {}}}',
        '{"request": {"read": "state", "args": {"n": 1e400}}}',
        '{"request": {"read": "state", "args": {"n": 9007199254740993}}}',
        '{"request": {"read": "state"}}',
        '{"request": {"read": "state", "args": {}}, "done": {}}',
        '{"done": []}',
        '{"finished": {}}',
        "[]",
        "null",
        "",
        "{",
    ],
)
async def test_a_step_forged_below_the_sdk_is_checked_again_outside(sandbox: Chassis, step: str) -> None:
    source = f"import json\n{planning(f'json.dumps = lambda *a, **k: {step!r}')}        return Plan()\n"
    world = World()
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, program(source), world=world)
    assert caught.value.code is Code.ADAPTER_PROTOCOL
    assert world.asked == []


@pytest.mark.parametrize("code", ["IF_ERR_DENIED", "IF_ERR_LOG_STOPPED", "IF_ERR_NONSENSE", "IF_ERR_TARGET_STATUS"])
async def test_a_guest_cannot_speak_with_the_kernels_codes(sandbox: Chassis, code: str) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, f"raise EffectError({code!r}, 'the kernel says so')")
    assert caught.value.code is Code.ADAPTER_FAILED
