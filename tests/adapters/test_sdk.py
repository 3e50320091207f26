"""The SDK, driven natively: what an author writes, what crosses to the kernel, what comes back."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.adapters.sdk import Adapter, Answer, Call, Change, EffectError, Host, Plan, Refuse
from infrafabric.adapters.sdk.steps import Steps
from infrafabric.kernel.words.plan import Plan as KernelPlan

PLAN_CALL = {"op": "plan", "intent": {"lamp": "a", "on": True}, "seed": 1}


class Lamp(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        state = (await host.read("state", lamp=intent["lamp"])).json()
        if state is None:
            raise Refuse(f"no lamp is called {intent['lamp']!r}")
        if state["on"] == intent["on"]:
            return Plan()
        wanted = {"on": intent["on"]}
        return Plan([Change("switch", wanted, before=state, after=wanted, inverse=Call("switch", state))], note="one")


def http(body: str, status: int = 200) -> dict[str, Any]:
    return {"ok": {"status": status, "headers": {"content-type": "application/json"}, "body": body}}


def apply_call(plan: Plan, dry_run: bool = False) -> dict[str, Any]:
    return {"op": "apply", "plan": plan.as_json(), "intent": {}, "dry_run": dry_run, "seed": 1}


def test_a_read_is_a_request_by_name_and_the_plan_is_what_the_kernel_takes() -> None:
    steps = Steps(Lamp())
    assert steps.start(PLAN_CALL) == {"request": {"read": "state", "args": {"lamp": "a"}}}
    done = steps.resume(http('{"on": false}'))["done"]
    change = KernelPlan.model_validate(done).changes[0]
    assert (change.id, change.effect, change.args) == ("change-1", "switch", {"on": True})
    assert change.inverse is not None and change.inverse.args == {"on": False}


def test_nothing_to_do_is_an_empty_plan() -> None:
    steps = Steps(Lamp())
    steps.start(PLAN_CALL)
    done = steps.resume(http('{"on": true}'))["done"]
    assert KernelPlan.model_validate(done) == KernelPlan()


def test_a_refusal_carries_its_code_and_the_authors_words() -> None:
    steps = Steps(Lamp())
    steps.start(PLAN_CALL)
    assert steps.resume(http("null")) == {
        "error": {"type": "Refuse", "message": "no lamp is called 'a'", "code": "IF_ERR_ADAPTER_REFUSED"}
    }


def test_an_effect_error_that_nobody_catches_keeps_the_kernels_code() -> None:
    steps = Steps(Lamp())
    steps.start(PLAN_CALL)
    step = steps.resume({"error": {"code": "IF_ERR_TARGET_STATUS", "message": "503 of /state"}})
    assert step["error"] == {"type": "EffectError", "message": "503 of /state", "code": "IF_ERR_TARGET_STATUS"}


def test_an_answer_that_is_not_ok_can_be_looked_at() -> None:
    seen: list[Answer] = []

    class Curious(Adapter):
        async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
            seen.append(await host.read("state", check=False))
            with pytest.raises(EffectError) as caught:
                await host.read("state")
            assert caught.value.code == "IF_ERR_TARGET_STATUS"
            return Plan()

    steps = Steps(Curious())
    steps.start(PLAN_CALL)
    problem = {"code": "IF_ERR_TARGET_STATUS", "message": "404", "value": {"status": 404, "body": "gone"}}
    steps.resume({"error": problem})
    assert steps.resume({"error": problem}) == {"done": {"changes": [], "hazards": [], "note": ""}}
    assert (seen[0].ok, seen[0].status, seen[0].text, seen[0].problem) == (False, 404, "gone", "404")


def test_apply_performs_every_change_in_order_by_default() -> None:
    plan = Plan([Change("a"), Change("b")])
    steps = Steps(Lamp())
    assert steps.start(apply_call(plan)) == {"request": {"perform": "change-1"}}
    assert steps.resume({"ok": {}}) == {"request": {"perform": "change-2"}}
    assert steps.resume({"ok": {}}) == {"done": {"performed": ["change-1", "change-2"]}}


def test_apply_may_order_wait_and_stop_and_learns_that_a_run_is_dry() -> None:
    answers: list[Answer] = []

    class Careful(Lamp):
        async def apply(self, plan: Plan, host: Host, dry_run: bool = False) -> None:
            answers.append(await host.perform("change-2"))
            await host.wait(0.5)

    steps = Steps(Careful())
    plan = Plan([Change("a"), Change("b")])
    assert steps.start(apply_call(plan, dry_run=True)) == {"request": {"perform": "change-2"}}
    assert steps.resume({"ok": {}}) == {"request": {"wait": 0.5}}
    assert steps.resume({"ok": None}) == {"done": {"performed": ["change-2"]}}
    assert answers[0].dry_run


def test_plan_can_neither_perform_nor_wait() -> None:
    class Hasty(Adapter):
        async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
            if intent["lamp"] == "a":
                await host.perform("change-1")
            else:
                await host.wait(1)
            return Plan()

    assert Steps(Hasty()).start(PLAN_CALL)["error"]["type"] == "RuntimeError"
    assert Steps(Hasty()).start({**PLAN_CALL, "intent": {"lamp": "b"}})["error"]["type"] == "RuntimeError"


def test_what_is_neither_plan_nor_request_is_a_protocol_error() -> None:
    class Yielding:
        def __await__(self) -> Any:
            yield "anything"

    class Wrong(Adapter):
        async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
            if intent["lamp"] == "a":
                return {"changes": []}  # type: ignore[return-value]
            await Yielding()
            return Plan()

    assert Steps(Wrong()).start(PLAN_CALL)["error"]["code"] == "IF_ERR_ADAPTER_PROTOCOL"
    assert Steps(Wrong()).start({**PLAN_CALL, "intent": {"lamp": "b"}})["error"]["code"] == "IF_ERR_ADAPTER_PROTOCOL"


def test_the_seed_decides_what_random_gives() -> None:
    class Dice(Adapter):
        async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
            return Plan(note=str(random.random()))  # noqa: S311

    first = Steps(Dice()).start(PLAN_CALL)
    assert Steps(Dice()).start(PLAN_CALL) == first
    assert Steps(Dice()).start({**PLAN_CALL, "seed": 2}) != first


def test_bodies_that_are_not_text_come_as_bytes() -> None:
    answer = Answer({"status": 200, "headers": {}, "body": "AP8=", "encoding": "base64"})
    assert answer.content == b"\x00\xff"
    with pytest.raises(ValueError, match="no body"):
        _ = Answer({"entity": 1}).text
    assert Answer({"entity": 1}).json() == {"entity": 1}


def test_a_plan_numbers_its_changes_and_refuses_nonsense() -> None:
    assert [change.id for change in Plan([Change("a"), Change("b", id="change-7"), Change("c")])] == [
        "change-1",
        "change-7",
        "change-3",
    ]
    with pytest.raises(ValueError, match="same id"):
        Plan([Change("a", id="change-2"), Change("b")])
    with pytest.raises(TypeError, match="Change objects"):
        Plan([{"effect": "a"}])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="list of names"):
        Change("a", hazards="live-output")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
args = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
changes = st.builds(
    Change,
    effect=st.sampled_from(["cut", "fade"]),
    args=args,
    before=json_values,
    after=json_values,
    inverse=st.none() | st.builds(Call, effect=st.just("cut"), args=args),
    summary=st.text(max_size=10),
    hazards=st.just(("live-output",)) | st.just(()),
)


@given(st.lists(changes, max_size=4))
def test_a_plan_comes_back_from_its_json_and_is_valid_to_the_kernel(made: list[Change]) -> None:
    plan = Plan(made, note="n", hazards=("h",), cost={"currency": "USD", "per_apply": "0.02"})
    assert Plan.from_json(plan.as_json()) == plan
    kernel = KernelPlan.model_validate(plan.as_json())
    assert Plan.from_json(kernel.as_json()).as_json()["changes"] == plan.as_json()["changes"]
