"""The SDK for JavaScript in the real sandbox: what an adapter is given, and what its errors become."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from foreign_guests import SDK_JS, build_javascript
from sandbox import World, component_program, plan

from infrafabric.kernel.chassis import Chassis, Program
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Plan

SOURCE = """\
import { adapter, EffectError, Refuse } from "./infrafabric.mjs";

function* twice(host, effect) {
  return [(yield host.read(effect, { n: 1 })).value, (yield host.read(effect, { n: 2 })).value];
}

const tries = {
  *"full plan"() {
    const inverse = { effect: "cut", args: { Input: "1" } };
    const first = { effect: "cut", args: { Input: "2" }, before: 1, after: 2, inverse, hazards: ["live"] };
    return { changes: [first, { effect: "fade" }], note: "n", hazards: ["h"], observed: { x: null } };
  },
  *"two reads"(host) { return note(yield* twice(host, "state")); },
  *answer(host) {
    const given = yield host.read("state");
    const { status, headers, ok } = given;
    return note([status, headers, ok, given.text, given.json(), [...given.bytes].length]);
  },
  *"answer without a body"(host) {
    const given = yield host.read("state");
    try { given.text; } catch (error) { return note([given.json(), error.message]); }
  },
  *checked(host) {
    try { yield host.read("state"); } catch (error) {
      return note([error instanceof EffectError, error.code, error.message, error.value]);
    }
  },
  *unchecked(host) {
    const { ok, code, problem, value } = yield host.read("state", {}, { check: false });
    return note([ok, code, problem, value]);
  },
  *uncaught(host) { yield host.read("state"); },
  *refuses() { throw new Refuse("no lamp is called 'x'"); },
  *"fails somewhere"() {
    return null.x;
  },
  *random() { return note([Math.random(), Math.random()]); },
  *dates() { return note([new Date(0).toISOString(), new Date("2026-11-21T00:00:00Z").getTime()]); },
};
const note = (value) => ({ changes: [], note: JSON.stringify(value) });

export const { start, resume } = adapter({
  plan: (intent, host) => tries[intent.try](host),
  *apply(plan, host, dryRun) {
    for (const change of plan.changes.toReversed()) {
      const { dryRun: said } = yield host.perform(change, { check: false });
      if (said !== dryRun) throw new Error("the answer says otherwise");
    }
    yield host.wait(0.5);
    const passed = yield host.news(2);
    if (passed !== 2 && passed !== 0.25) throw new Error(`${passed} s passed`);
  },
});
"""


@pytest.fixture(scope="module")
def tries(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("tries")
    shutil.copy(SDK_JS, folder)
    (folder / "tries.mjs").write_text(SOURCE, encoding="utf-8")
    build_javascript(folder / "tries.mjs", folder / "tries.wasm")
    return component_program(Path(folder / "tries.wasm").read_bytes())


async def note(sandbox: Chassis, made: Program, name: str, ok: Any = None, seed: int = 1) -> Any:
    return json.loads((await plan(sandbox, made, {"try": name}, world=World(ok), seed=seed)).done["note"])


async def test_a_plan_is_taken_as_the_kernel_knows_it(sandbox: Chassis, tries: Program) -> None:
    made = Plan.model_validate((await plan(sandbox, tries, {"try": "full plan"})).done)
    assert [change.id for change in made.changes] == ["change-1", "change-2"]
    first = made.changes[0]
    assert first.inverse is not None
    assert (first.before, first.after, first.inverse.args, first.hazards) == (1, 2, {"Input": "1"}, ("live",))
    assert (made.note, made.hazards, made.observed) == ("n", ("h",), {"x": None})


async def test_generators_call_generators(sandbox: Chassis, tries: Program) -> None:
    world = World({"v": 1})
    run = await plan(sandbox, tries, {"try": "two reads"}, world=world)
    assert world.asked == [{"read": "state", "args": {"n": n}} for n in (1, 2)]
    assert run.done["note"] == '[{"v":1},{"v":1}]'
    await sandbox.replay(tries, {"intent": {"try": "two reads"}}, run.recorded())


@pytest.mark.parametrize("encoding", ["", "base64"])
async def test_an_answer_has_its_parts(sandbox: Chassis, tries: Program, encoding: str) -> None:
    text = '{"title": "élève 😀"}'
    body = base64.b64encode(text.encode()).decode() if encoding else text
    ok = {"status": 200, "headers": {"a": "b"}, "body": body, **({"encoding": encoding} if encoding else {})}
    said = await note(sandbox, tries, "answer", ok)
    assert said == [200, {"a": "b"}, True, text, {"title": "élève 😀"}, len(text.encode())]


async def test_an_answer_without_a_body_is_its_value(sandbox: Chassis, tries: Program) -> None:
    said = await note(sandbox, tries, "answer without a body", {"sceneName": "a"})
    assert said == [{"sceneName": "a"}, "the answer has no body; see Answer.value"]


WAITS = [{"wait": 0.5}, {"wait": 2, "news": True}]
ERROR = {"code": "IF_ERR_TARGET_STATUS", "message": "503 of /state", "value": {"status": 503}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("checked", [True, "IF_ERR_TARGET_STATUS", "503 of /state", {"status": 503}]),
        ("unchecked", [False, "IF_ERR_TARGET_STATUS", "503 of /state", {"status": 503}]),
    ],
)
async def test_a_targets_no_can_be_met(sandbox: Chassis, tries: Program, name: str, said: list[Any]) -> None:
    async def down(request: dict[str, Any]) -> dict[str, Any]:
        return {"error": ERROR}

    run = await sandbox.run(tries, "plan", {"intent": {"try": name}}, seed=1, perform=down)
    assert json.loads(run.done["note"]) == said


async def test_a_targets_no_ends_the_run_with_its_code(sandbox: Chassis, tries: Program) -> None:
    async def down(request: dict[str, Any]) -> dict[str, Any]:
        return {"error": ERROR}

    with pytest.raises(FabricError) as caught:
        await sandbox.run(tries, "plan", {"intent": {"try": "uncaught"}}, seed=1, perform=down)
    assert (caught.value.code, caught.value.message) == (Code.TARGET_STATUS, "503 of /state")


async def test_a_refusal_is_the_adapters_own_words(sandbox: Chassis, tries: Program) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, tries, {"try": "refuses"})
    assert (caught.value.code, caught.value.message) == (Code.ADAPTER_REFUSED, "no lamp is called 'x'")


async def test_an_exception_says_where_it_was_raised(sandbox: Chassis, tries: Program) -> None:
    line = SOURCE.splitlines().index("    return null.x;") + 1
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, tries, {"try": "fails somewhere"})
    assert caught.value.code is Code.ADAPTER_FAILED
    # QuickJS names a generator's first line by the line of its head.
    assert caught.value.message.endswith((f"(tries.mjs:{line})", f"(tries.mjs:{line - 1})"))
    assert "TypeError" in caught.value.message


@pytest.mark.parametrize("dry_run", [True, False])
async def test_apply_orders_and_waits_and_a_dry_run_says_so(sandbox: Chassis, tries: Program, dry_run: bool) -> None:
    made = Plan.model_validate({"changes": [{"id": f"change-{n}", "effect": "cut"} for n in (1, 2)]})
    argument = {"plan": made.as_json(), "intent": {}, "dry_run": dry_run}
    world = World()
    run = await sandbox.run(tries, "apply", argument, seed=1, perform=world.answer)
    assert world.asked == [{"perform": "change-2"}, {"perform": "change-1"}, *WAITS]
    assert run.done == {"performed": ["change-2", "change-1"]}


async def test_news_say_how_long_they_took(sandbox: Chassis, tries: Program) -> None:
    argument = {"plan": Plan().as_json(), "intent": {}, "dry_run": False}
    world = World({"passed_s": 0.25})
    await sandbox.run(tries, "apply", argument, seed=1, perform=world.answer)
    assert world.asked == WAITS


async def test_what_the_target_did_not_take_is_not_among_the_performed(sandbox: Chassis, tries: Program) -> None:
    async def first_fails(request: dict[str, Any]) -> dict[str, Any]:
        return {"error": ERROR} if request.get("perform") == "change-2" else {"ok": {}}

    made = Plan.model_validate({"changes": [{"id": f"change-{n}", "effect": "cut"} for n in (1, 2)]})
    argument = {"plan": made.as_json(), "intent": {}, "dry_run": False}
    run = await sandbox.run(tries, "apply", argument, seed=1, perform=first_fails)
    assert run.done == {"performed": ["change-1"]}


async def test_random_numbers_follow_from_the_seed(sandbox: Chassis, tries: Program) -> None:
    first = await note(sandbox, tries, "random", seed=2**47 + 3)
    assert first == await note(sandbox, tries, "random", seed=2**47 + 3)
    others = [await note(sandbox, tries, "random", seed=seed) for seed in (0, 1, 2, 2**47 + 4, 2**32, 2**33)]
    drawn = [number for pair in (first, *others) for number in pair]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= number < 1 for number in drawn)


async def test_dates_that_are_given_work(sandbox: Chassis, tries: Program) -> None:
    assert await note(sandbox, tries, "dates") == ["1970-01-01T00:00:00.000Z", 1795219200000]
