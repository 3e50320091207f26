"""Runs in the real sandbox: what goes in, what comes out, and how a run ends."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from sandbox import World, plan, planning, program, settings

from infrafabric.kernel.chassis import Chassis, Program, Run
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Plan

SWITCHER = planning("""
state = (await host.read("state", room=intent["room"])).json()
if state["program"] == intent["scene"]:
    return Plan(note="nothing to do")
return Plan([Change("cut", {"Input": intent["scene"]}, before=state, after={"program": intent["scene"]})])
""")
INTENT = {"room": "a", "scene": "Intro"}


def http(body: str) -> World:
    return World({"status": 200, "headers": {}, "body": body})


async def test_a_plan_asks_by_name_and_answers_a_plan(sandbox: Chassis) -> None:
    world = http('{"program": "Outro"}')
    run = await plan(sandbox, program(SWITCHER), INTENT, world=world)
    assert world.asked == [{"read": "state", "args": {"room": "a"}}]
    made = Plan.model_validate(run.done)
    assert made.changes[0].as_json() == {
        "id": "change-1",
        "effect": "cut",
        "args": {"Input": "Intro"},
        "summary": "",
        "before": {"program": "Outro"},
        "after": {"program": "Intro"},
        "hazards": [],
    }
    assert run.runtime == sandbox.runtime_digest
    assert run.cpu_ms > 0


async def test_apply_orders_and_waits_and_a_dry_run_says_so(sandbox: Chassis) -> None:
    source = (
        planning("return Plan()")
        + """
    async def apply(self, plan, host, dry_run=False):
        for change in reversed(plan.changes):
            answer = await host.perform(change)
            assert answer.dry_run == dry_run
        await host.wait(0.5)
"""
    )
    made = Plan.model_validate({"changes": [{"id": f"change-{n}", "effect": "cut"} for n in (1, 2)]})
    argument = {"plan": made.as_json(), "intent": {}, "dry_run": True}
    world = World()
    run = await sandbox.run(program(source), "apply", argument, seed=1, perform=world.answer)
    assert world.asked == [{"perform": "change-2"}, {"perform": "change-1"}, {"wait": 0.5}]
    assert run.done == {"performed": ["change-2", "change-1"]}
    assert sandbox.orders(program(source))


async def test_an_adapter_may_have_several_files(sandbox: Chassis) -> None:
    files = {
        "state.py": "from dataclasses import dataclass\n\n@dataclass\nclass State:\n    program: str\n",
        "parts/__init__.py": "from .names import NAME\n",
        "parts/names.py": "NAME = 'deep'\n",
    }
    source = "from .state import State\nfrom .parts import NAME\nfrom . import parts\n" + planning(
        "return Plan(note=State(NAME).program + parts.NAME)"
    )
    assert (await plan(sandbox, program(source, files=files))).done["note"] == "deepdeep"


async def test_a_refusal_is_the_adapters_own_words(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, "raise Refuse('no input is called ' + repr(intent['scene']))", INTENT)
    assert (caught.value.code, caught.value.message) == (Code.ADAPTER_REFUSED, "no input is called 'Intro'")


async def test_an_exception_says_where_it_was_raised(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, "return intent['nothing']")
    assert caught.value.code is Code.ADAPTER_FAILED
    assert caught.value.message == "the adapter raised KeyError: 'nothing' (adapter.py:5)"


async def test_words_of_an_exception_are_one_printable_line(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, "raise ValueError('a\\n\\x1b[31m' + 'b' * 5000)")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500


async def test_an_error_given_as_an_answer_keeps_its_code(sandbox: Chassis) -> None:
    async def down(request: dict[str, Any]) -> dict[str, Any]:
        return {"error": {"code": "IF_ERR_TARGET_STATUS", "message": "503 of /state", "value": {"status": 503}}}

    argument = {"intent": INTENT}
    with pytest.raises(FabricError) as caught:
        await sandbox.run(program(SWITCHER), "plan", argument, seed=1, perform=down)
    assert (caught.value.code, caught.value.message) == (Code.TARGET_STATUS, "503 of /state")
    patient = program(planning("a = await host.read('state', check=False)\nreturn Plan(note=str(a.status))"))
    assert (await sandbox.run(patient, "plan", argument, seed=1, perform=down)).done["note"] == "503"


async def test_what_perform_raises_ends_the_run(sandbox: Chassis) -> None:
    async def refuse(request: dict[str, Any]) -> dict[str, Any]:
        raise FabricError(Code.EFFECT_UNKNOWN, "no effect is called 'state'")

    source = planning("try:\n    await host.read('state')\nexcept BaseException:\n    pass\nreturn Plan()")
    with pytest.raises(FabricError) as caught:
        await sandbox.run(program(source), "plan", {"intent": {}}, seed=1, perform=refuse)
    assert caught.value.code is Code.EFFECT_UNKNOWN


@pytest.mark.parametrize(
    ("source", "entrypoint", "message"),
    [
        (
            "def broken(:\n",
            "adapter.py:Thing",
            "does not compile: the adapter raised SyntaxError: invalid syntax (adapter.py, line 3)",
        ),
        ("x = 1\n", "adapter.py:Thing", "adapter.py has no class 'Thing'"),
        ("class Thing:\n    pass\n", "adapter.py:Thing", "is not a class derived from Adapter"),
        ("class Thing(Adapter):\n    pass\n", "adapter.py:Thing", "Can't instantiate abstract class"),
        ("raise RuntimeError('at load')\n", "adapter.py:Thing", "at load"),
        ("x = 1\n", "other.py:Thing", "'other.py' is not in the bundle"),
    ],
)
async def test_what_does_not_load_is_an_invalid_entrypoint(
    sandbox: Chassis, source: str, entrypoint: str, message: str
) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.load(dataclasses.replace(program(source), entrypoint=entrypoint))
    assert caught.value.code is Code.ENTRYPOINT_INVALID
    assert message in caught.value.message


async def test_unknown_runtimes_are_named(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.load(Program("sha256:0", "acme", "python/2", "adapter.py:Thing", {}))
    assert caught.value.code is Code.RUNTIME_UNKNOWN


async def test_runs_do_not_see_each_other(sandbox: Chassis) -> None:
    counting = program(
        "import math\nSEEN = []\n"
        + planning(
            "SEEN.append(1)\nmath.seen = getattr(math, 'seen', 0) + 1\nreturn Plan(note=f'{len(SEEN)} {math.seen}')"
        )
    )
    assert {(await plan(sandbox, counting)).done["note"] for _ in range(30)} == {"1 1"}


async def test_cancelling_a_run_leaves_the_sandbox_as_it_was(sandbox: Chassis) -> None:
    asked = asyncio.Event()

    async def never(request: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    made = program(SWITCHER)
    runs = [
        asyncio.ensure_future(sandbox.run(made, "plan", {"intent": INTENT}, seed=1, perform=never)) for _ in range(40)
    ]
    await asked.wait()
    for run in runs:
        run.cancel()
    assert all(
        isinstance(ended, asyncio.CancelledError) for ended in await asyncio.gather(*runs, return_exceptions=True)
    )
    assert (await plan(sandbox, made, INTENT, world=http('{"program": "Intro"}'))).done["note"] == "nothing to do"


async def test_unloading_ends_runs_before_their_next_effect(sandbox: Chassis) -> None:
    made = program(planning("for n in range(3):\n    await host.read('state')\nreturn Plan()"), publisher="withdrawn")
    asked = 0

    async def perform(request: dict[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        await sandbox.unload(made.adapter)
        return {"ok": {}}

    with pytest.raises(FabricError) as caught:
        await sandbox.run(made, "plan", {"intent": {}}, seed=1, perform=perform)
    assert (caught.value.code, asked) == (Code.AUTHORITY_CHANGED, 1)
    assert (await plan(sandbox, made)).done["changes"] == []


async def test_a_waiting_run_gives_up_its_guest_and_is_brought_back_from_its_answers() -> None:
    source = program(
        "import random\n"
        + planning("""
seen = [random.random()]
for n in range(3):
    seen.append((await host.read('n')).value)
return Plan(note=repr(seen))
""")
    )

    async def run(chassis: Chassis, pause: float) -> Run:
        answers = iter(range(3))

        async def slowly(request: dict[str, Any]) -> dict[str, Any]:
            await asyncio.sleep(pause)
            return {"ok": next(answers)}

        return await chassis.run(source, "plan", {"intent": {}}, seed=7, perform=slowly)

    async with await Chassis.start(settings(workers=1, spares=0, seats=2, evict_after_s=0.03)) as chassis:
        at_once = await run(chassis, 0)
        slow = await asyncio.gather(*(run(chassis, 0.1) for _ in range(6)))
    assert {made.done["note"] for made in slow} == {at_once.done["note"]}
    assert all(made.answers == at_once.answers and made.requests == at_once.requests for made in slow)


async def test_closing_ends_what_is_under_way() -> None:
    chassis = await Chassis.start(settings(workers=1, spares=0))
    made = program(SWITCHER)
    await chassis.load(made)
    asked = asyncio.Event()

    async def perform(request: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        await asyncio.sleep(0.05)
        return {"ok": {}}

    run = asyncio.ensure_future(chassis.run(made, "plan", {"intent": INTENT}, seed=1, perform=perform))
    await asked.wait()
    await chassis.close()
    with pytest.raises(FabricError) as caught:
        await run
    assert caught.value.code is Code.SANDBOX_UNAVAILABLE
    with pytest.raises(FabricError) as caught:
        await chassis.load(made)
    assert caught.value.code is Code.SANDBOX_UNAVAILABLE
