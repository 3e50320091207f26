"""Playing an adapter on recorded answers: what an author sees when it works, and when it does not."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.adapters.sdk import Adapter, Call, Change, EffectError, Host, Plan, Refuse
from infrafabric.control.harness import Failure, http_answer, perform, play
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.manifest import Manifest


class Lamp(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        state = (await host.read("state", lamp=intent["lamp"])).json()
        if "error" in state:
            raise Refuse(f"no lamp is called {intent['lamp']!r}")
        if state["on"] == intent["on"]:
            return Plan()
        back = Call("switch", {"lamp": intent["lamp"], "on": state["on"]})
        return Plan([Change("switch", {"lamp": intent["lamp"], "on": intent["on"]}, inverse=back)])


class Patient(Lamp):
    async def apply(self, plan: Plan, host: Host, dry_run: bool = False) -> None:
        for change in plan:
            while not (await host.perform(change, check=False)).ok:
                await host.wait(2)
                raise Refuse("the lamp does not listen")
            await host.wait(0.5)


@pytest.fixture
def manifest() -> Manifest:
    place = {"lamp": {"type": "string", "maxLength": 8}}
    return Manifest.model_validate(
        {
            "id": "if://capability/lamp.panel",
            "version": "1.0.0",
            "summary": "A lamp",
            "kind": "state",
            "runtime": "python/1",
            "entrypoint": "lamp.py:Lamp",
            "intent": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"lamp": {"type": "string"}, "on": {"type": "boolean"}},
                "required": ["lamp", "on"],
            },
            "driver": "http",
            "effects": {
                "state": {"read": "GET /lamp", "query": place},
                "switch": {"write": "POST /lamp", "query": {**place, "on": {"type": "boolean"}}},
            },
        }
    )


OFF = http_answer('{"on": false}')


def test_plan_and_requests(manifest: Manifest) -> None:
    played = play(Lamp, {"lamp": "a", "on": True}, {"state": OFF}, manifest=manifest)
    assert [change.effect for change in played.plan] == ["switch"]
    assert list(played.requests) == [{"read": "state", "args": {"lamp": "a"}}]


@pytest.mark.parametrize(
    "answer",
    ['{"on": true}', http_answer('{"on": true}'), ['{"on": true}'], lambda args: f'{{"on": {"true" * bool(args)}}}'],
)
def test_forms_of_a_recorded_answer(answer: Any) -> None:
    assert play(Lamp, {"lamp": "a", "on": True}, {"state": answer}).plan == Plan()


def test_answers_by_turn_and_the_last_one_stays() -> None:
    class Asks(Adapter):
        async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
            return Plan(note=" ".join([(await host.read("word")).text for _ in range(4)]))

    assert play(Asks, {}, {"word": ["one", "two"]}).plan.note == "one two two two"


def test_refusals_and_effect_errors_pass_through() -> None:
    with pytest.raises(Refuse, match="no lamp is called 'a'"):
        play(Lamp, {"lamp": "a", "on": True}, {"state": '{"error": 1}'})
    with pytest.raises(EffectError, match="HTTP 503") as caught:
        play(Lamp, {"lamp": "a", "on": True}, {"state": Failure(message="HTTP 503")})
    assert caught.value.code == "IF_ERR_TARGET_STATUS"


def test_a_read_that_is_not_recorded_says_what_is() -> None:
    with pytest.raises(AssertionError, match=r"no answer is recorded for the read 'state' \(recorded: scenes\)"):
        play(Lamp, {"lamp": "a", "on": True}, {"scenes": "{}"})


@pytest.mark.parametrize(
    ("effect", "args", "code"),
    [
        ("explode", {}, "EFFECT_UNKNOWN"),
        ("state", {"lamp": "a"}, "EFFECT_NOT_WRITE"),
        ("switch", {"lamp": "a"}, "EFFECT_ARGUMENT"),
        ("switch", {"lamp": "a", "on": "yes"}, "EFFECT_ARGUMENT"),
        ("switch", {"lamp": "a", "on": True, "speed": 1}, "EFFECT_ARGUMENT"),
        ("switch", {"lamp": "far too long", "on": True}, "EFFECT_ARGUMENT"),
    ],
)
def test_with_the_manifest_a_plan_is_checked(manifest: Manifest, effect: str, args: dict[str, Any], code: str) -> None:
    class Wild(Adapter):
        async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
            return Plan([Change(effect, args)])

    with pytest.raises(FabricError, match=f"IF_ERR_{code}"):
        play(Wild, {"lamp": "a", "on": True}, manifest=manifest)
    if code != "EFFECT_NOT_WRITE":

        class WildInverse(Adapter):
            async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
                return Plan([Change("switch", {"lamp": "a", "on": True}, inverse=Call(effect, args))])

        with pytest.raises(FabricError, match=f"IF_ERR_{code}"):
            play(WildInverse, {"lamp": "a", "on": True}, manifest=manifest)


def test_with_the_manifest_a_write_cannot_be_read(manifest: Manifest) -> None:
    class Sly(Adapter):
        async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
            await host.read("switch", lamp="a", on=True)
            return Plan()

    with pytest.raises(FabricError, match="IF_ERR_EFFECT_NOT_READ"):
        play(Sly, {"lamp": "a", "on": True}, {"switch": ""}, manifest=manifest)


def test_with_the_manifest_intents_are_checked(manifest: Manifest) -> None:
    with pytest.raises(FabricError, match="IF_ERR_INTENT_INVALID: on does not fit type: 'boolean'"):
        play(Lamp, {"lamp": "a", "on": "yes"}, {"state": OFF}, manifest=manifest)


def test_what_is_no_plan_or_no_request_is_said() -> None:
    class NoPlan(Adapter):
        async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
            return None  # type: ignore[return-value]

    class Elsewhere(Adapter):
        async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
            import asyncio

            await asyncio.sleep(0)
            return Plan()

    with pytest.raises(FabricError, match="plan returned NoneType"):
        play(NoPlan, {})
    with pytest.raises(AssertionError, match="not of its host"):
        play(Elsewhere, {})


def test_apply_by_default_performs_all_in_order() -> None:
    done = perform(Lamp, Plan([Change("switch"), Change("switch")]))
    assert (done.changes, done.waited_s) == (("change-1", "change-2"), 0.0)


def test_apply_waits_and_sees_recorded_failures() -> None:
    plan = Plan([Change("switch")])
    assert perform(Patient, plan, dry_run=True).waited_s == 0.5
    with pytest.raises(Refuse, match="does not listen"):
        perform(Patient, plan, {"change-1": Failure()})


def test_apply_cannot_perform_what_was_not_planned_or_twice() -> None:
    class Greedy(Lamp):
        async def apply(self, plan: Plan, host: Host, dry_run: bool = False) -> None:
            await host.perform("change-2")

    class Twice(Lamp):
        async def apply(self, plan: Plan, host: Host, dry_run: bool = False) -> None:
            await host.perform("change-1")
            await host.perform("change-1")

    with pytest.raises(FabricError, match="IF_ERR_CHANGE_UNKNOWN"):
        perform(Greedy, Plan([Change("switch")]))
    with pytest.raises(FabricError, match="IF_ERR_CHANGE_REPEATED"):
        perform(Twice, Plan([Change("switch")]))
