"""What goes wrong in a real house: each ends in what is so, never in a false `converged`."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from homeassistant_house import Governed

pytestmark = pytest.mark.timeout(90)


async def test_deaf_late_and_vanishing_devices(homeassistant: Governed) -> None:
    """One says yes and does nothing, one does it 8 s later, one becomes unavailable while it is acted on.

    One action at a time on a target; here are three, so that the test waits once.
    """
    from homeassistant_house import VARIABLE

    def on(*entities: str, target: str) -> Any:
        intent = {"entities": list(entities), "state": "on"}
        return homeassistant.kernel.act(homeassistant.ask(intent, target=f"homeassistant@{target}"))

    async def vanish() -> None:
        await asyncio.sleep(2)
        await asyncio.to_thread(homeassistant.ha.call, "input_boolean.turn_off", entity_id="input_boolean.linked")

    for target in ("second", "third"):
        await homeassistant.target(f"homeassistant@{target}", VARIABLE)
    began = asyncio.get_running_loop().time()
    deaf, late, vanishing, _ = await asyncio.gather(
        on("switch.deaf", target="house"),
        on("switch.late", target="second"),
        on("switch.deaf", "switch.gone", target="third"),
        vanish(),
    )
    took = asyncio.get_running_loop().time() - began

    assert deaf.outcome is Outcome.FAILED and deaf.error is not None and deaf.error.code is Code.NOT_CONVERGED
    assert deaf.remains is not None and [change.effect for change in deaf.remains.changes] == ["switch_on"]
    assert await homeassistant.state("switch.deaf") == "off"
    assert late.outcome is Outcome.CONVERGED and took >= 8
    assert await homeassistant.state("switch.late") == "on"
    assert vanishing.outcome is Outcome.FAILED and vanishing.error is not None
    assert "switch.gone is unavailable" in vanishing.error.message


async def test_an_entity_that_is_not_reached_is_refused(homeassistant: Governed) -> None:
    await asyncio.to_thread(homeassistant.ha.call, "input_boolean.turn_off", entity_id="input_boolean.linked")
    for wish in ("on", "off"):
        refused = await homeassistant.act("switch.gone", state=wish)
        assert refused.outcome is Outcome.REFUSED and refused.error is not None
        assert refused.error.code is Code.ADAPTER_REFUSED and "switch.gone is unavailable" in refused.error.message


async def test_what_another_hand_takes_back_at_once_is_not_converged(homeassistant: Governed) -> None:
    report = await homeassistant.act("input_boolean.fickle", state="on")
    assert await homeassistant.state("input_boolean.fickle") == "off"
    assert report.outcome is Outcome.FAILED and report.error is not None
    assert report.error.code is Code.NOT_CONVERGED


async def test_two_talents_over_one_light_both_hear_what_is_so(homeassistant: Governed) -> None:
    from homeassistant_house import GUEST

    def wish(state: str, **more: Any) -> Any:
        return homeassistant.kernel.act(homeassistant.ask({"entities": ["light.bed_light"], "state": state}, **more))

    for _ in range(5):
        mine, theirs = await asyncio.gather(wish("on"), wish("off", talent=GUEST))
        now = await homeassistant.state("light.bed_light")
        for report, wanted in ((mine, "on"), (theirs, "off")):
            assert report.outcome in (Outcome.CONVERGED, Outcome.FAILED)
            if report.outcome is Outcome.FAILED:
                assert now != wanted and report.error is not None and report.error.code is Code.NOT_CONVERGED
        assert Outcome.CONVERGED in (mine.outcome, theirs.outcome)


@pytest.mark.parametrize("retry_s", [0, 30])
async def test_restarted_while_it_is_acted_on(
    homeassistant: Governed, retry_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is under way for 3 s when Home Assistant dies. After its return the light is off: that is told, or the
    call made once more, since it may be."""
    from homeassistant_house import TARGET, VARIABLE

    parts = homeassistant.kernel.parts
    monkeypatch.setattr(parts, "limits", replace(parts.limits, retry_s=retry_s))
    running = asyncio.create_task(homeassistant.act("light.slow_to_answer", state="on"))
    await asyncio.sleep(1)
    await asyncio.to_thread(homeassistant.ha.stop, hard=True)
    await asyncio.to_thread(homeassistant.ha.start)
    report = await running
    if retry_s:
        assert (report.outcome, report.error) == (Outcome.CONVERGED, None)
    else:
        assert await homeassistant.state("light.slow_to_answer") == "off"
        assert report.outcome in (Outcome.FAILED, Outcome.IN_DOUBT) and report.error is not None
        await homeassistant.target(TARGET, VARIABLE)  # set anew, its breaker is closed: looking in vain has opened it
        again = await homeassistant.act("light.slow_to_answer", state="on")
        assert again.outcome is Outcome.CONVERGED
    assert await homeassistant.state("light.slow_to_answer") == "on"


async def test_restarted_between_plan_and_apply(homeassistant: Governed) -> None:
    planned = await homeassistant.plan("light.bed_light", state="on", brightness=50)
    await asyncio.to_thread(homeassistant.ha.stop)
    gone = await homeassistant.act("light.bed_light", state="on", brightness=50)
    assert gone.outcome is Outcome.REFUSED and gone.error is not None
    assert gone.error.code is Code.TARGET_UNREACHABLE
    await asyncio.to_thread(homeassistant.ha.start)
    done = await homeassistant.kernel.act(
        homeassistant.ask(
            {"entities": ["light.bed_light"], "state": "on", "brightness": 50}, expect=planned.changes_digest
        )
    )
    assert done.outcome is Outcome.CONVERGED and (await homeassistant.attributes("light.bed_light"))["brightness"] == 50


async def test_a_revoked_token_lets_nobody_in(homeassistant: Governed) -> None:
    say = homeassistant.ha.say
    made = await asyncio.to_thread(
        say, {"type": "auth/long_lived_access_token", "client_name": "to be revoked", "lifespan": 1}
    )
    os.environ["PEER_REVOKED_TOKEN"] = made[0]["result"]
    await homeassistant.target("homeassistant@revoked", "PEER_REVOKED_TOKEN")
    intent = {"entities": ["switch.ac"], "state": "on"}
    first = await homeassistant.kernel.act(homeassistant.ask(intent, target="homeassistant@revoked"))
    assert first.outcome is Outcome.CONVERGED

    tokens = (await asyncio.to_thread(say, {"type": "auth/refresh_tokens"}))[0]["result"]
    token_id = next(token["id"] for token in tokens if token["client_name"] == "to be revoked")
    await asyncio.to_thread(say, {"type": "auth/delete_refresh_token", "refresh_token_id": token_id})
    after = await homeassistant.kernel.act(
        homeassistant.ask({"entities": ["switch.ac"], "state": "off"}, target="homeassistant@revoked")
    )
    assert after.outcome is Outcome.REFUSED and after.error is not None
    assert after.error.code is Code.TARGET_AUTH and await homeassistant.state("switch.ac") == "on"
