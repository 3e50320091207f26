"""homeassistant.service on a real Home Assistant: an act is done, failed or in doubt, and only that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from homeassistant_house import Governed

    from infrafabric.kernel.ask import Report

pytestmark = pytest.mark.timeout(90)


async def call(homeassistant: Governed, service: str, **intent: Any) -> Report:
    return await homeassistant.kernel.act(
        homeassistant.ask({"service": service, **intent}, capability="homeassistant.service")
    )


async def test_an_act_is_done_and_cannot_be_taken_back(homeassistant: Governed) -> None:
    done = await call(homeassistant, "light.turn_on", entities=["Bed Light"], data={"brightness": 33})
    assert done.outcome is Outcome.DONE and done.hazards == ("destructive", "not-undoable")
    assert (await homeassistant.attributes("light.bed_light"))["brightness"] == 33
    with pytest.raises(FabricError) as refused:
        raise (await homeassistant.kernel.undo(done.action, OPERATOR, "a test")).error or AssertionError("undone")
    assert refused.value.code is Code.UNDO_IMPOSSIBLE


async def test_the_hazard_is_the_service_s(homeassistant: Governed) -> None:
    opened = await call(homeassistant, "lock.unlock", entities=["lock.front_door"])
    assert opened.outcome is Outcome.DONE and opened.hazards == ("destructive", "unlock")
    routine = await call(homeassistant, "script.nothing")
    assert routine.outcome is Outcome.DONE and routine.hazards == ("destructive", "house-routine")


@pytest.mark.parametrize(
    ("service", "intent", "says"),
    [
        ("light.turn_onn", {}, "not found"),
        ("light.turn_on", {"entities": ["light.bed_light"], "data": {"brightnes": 3}}, "extra keys"),
        ("input_select.select_option", {"entities": ["input_select.mode"], "data": {"option": "nowhere"}}, "nowhere"),
    ],
)
async def test_what_home_assistant_does_not_take_is_not_done(
    homeassistant: Governed, service: str, intent: dict[str, Any], says: str
) -> None:
    report = await call(homeassistant, service, **intent)
    assert report.outcome in (Outcome.FAILED, Outcome.IN_DOUBT) and report.error is not None
    assert says in report.error.message


async def test_an_act_whose_answer_was_lost_is_in_doubt(homeassistant: Governed) -> None:
    running = asyncio.create_task(call(homeassistant, "light.turn_on", entities=["light.slow_to_answer"]))
    await asyncio.sleep(1)
    await asyncio.to_thread(homeassistant.ha.stop, hard=True)
    report = await running
    await asyncio.to_thread(homeassistant.ha.start)
    assert report.outcome is Outcome.IN_DOUBT and report.error is not None
