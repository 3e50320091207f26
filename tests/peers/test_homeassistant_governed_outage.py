"""A real Home Assistant goes away and comes back: breakers, and writes that are tried again."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code

if TYPE_CHECKING:
    from homeassistant_house import GovernedHome

pytestmark = pytest.mark.timeout(240)  # the first of a session compiles the Python component
BED, SLOW = "light.bed_light", "light.slow_to_answer"


def governor(home: GovernedHome, **settings: float) -> None:
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (home.run.home / "infrafabric.toml").write_text("\n".join(["[governor]", *lines, ""]))


def test_a_breaker_opens_while_the_house_is_down_and_one_call_closes_it(real_home: GovernedHome) -> None:
    governor(real_home, failures=3, open_s=3)
    step = {"capability": "homeassistant.entity", "intent": {"entities": [BED], "state": "on"}}
    tries = json.dumps({"name": "try", "steps": [step] * 5})
    real_home.ha.stop()
    try:
        answer = json.loads(real_home.run("run", "-", "--plan", "--json", stdin=tries).stdout)
        codes = [one["error"]["code"] for one in answer["steps"]]
        assert codes == [Code.TARGET_UNREACHABLE.value] * 3 + [Code.BREAKER_OPEN.value] * 2
        [cut_off] = real_home.run.ok("target", "list")["targets"][0]["breakers"]
        assert (cut_off["state"], cut_off["failures"]) == ("open", 3)
        time.sleep(3)
        refused = real_home.apply(BED, state="on")
        assert refused["error"]["code"] == Code.TARGET_UNREACHABLE.value, "one call was let through"
    finally:
        real_home.ha.start()
    assert [body["state"] for body in real_home.bodies("breaker.changed")] == ["open", "half_open", "open"]
    time.sleep(3)
    assert real_home.apply(BED, state="on")["outcome"] == "converged" and real_home.state(BED) == "on"
    assert [body["state"] for body in real_home.bodies("breaker.changed")][3:] == ["half_open", "closed"]


def test_a_write_is_tried_again_over_a_restart_and_each_attempt_is_on_record(real_home: GovernedHome) -> None:
    """The call is under way for 3 s when Home Assistant dies; after its return it is made once more."""
    governor(real_home, retry_s=30)
    acting = real_home.run.process(*real_home.command(SLOW, state="on"), "--json")
    give_up = time.monotonic() + 30
    while not real_home.bodies("effect.intended"):
        assert acting.poll() is None and time.monotonic() < give_up
        time.sleep(0.1)
    time.sleep(0.5)
    real_home.ha.stop(hard=True)
    real_home.ha.start()
    out, _ = acting.communicate(timeout=40)
    report = json.loads(out)
    assert report["outcome"] == "converged" and real_home.state(SLOW) == "on"
    assert report["retries"]["change-1"]["attempt"] >= 2

    intended = real_home.bodies("effect.intended", "--action", report["action"])
    seen = real_home.bodies("effect.observed", "--action", report["action"])
    attempts = list(range(1, len(seen) + 1))
    assert [body["attempt"] for body in intended] == [body["attempt"] for body in seen] == attempts
    assert (seen[0]["result"], seen[0]["code"]) == ("unknown", Code.TARGET_LOST.value)
    assert seen[0]["retry"]["cause"] == Code.TARGET_LOST.value and seen[0]["retry"]["next_at"]
    assert (seen[-1]["result"], seen[-1]["code"]) == ("answered", "") and len(seen) >= 2
