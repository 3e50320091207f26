"""Who may do what in a real house, and which acts wait for a person: by `ifctl`, looked at by clients of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant_house import AGENT, TARGET, observed

from infrafabric.kernel.errors import Code
from infrafabric.kernel.falsify.attempts import ATTEMPTS

if TYPE_CHECKING:
    from homeassistant_house import GovernedHome

pytestmark = pytest.mark.timeout(240)  # the first of a session compiles the Python component
DOOR = "lock.front_door"
BED, KITCHEN, CEILING = "light.bed_light", "light.kitchen_lights", "light.ceiling_lights"


def asks(home: GovernedHome, *entities: str, **wish: str) -> str:
    """Ask for what has to wait; the action."""
    report = home.apply(*entities, **wish)
    assert (report["outcome"], report["decision"]["verdict"]) == ("waiting", "ESCALATE"), report
    assert report["error"]["code"] == Code.APPROVAL_REQUIRED.value
    return str(report["action"])


def code(report: dict[str, Any]) -> str:
    assert report["outcome"] == "refused", report
    return str(report["error"]["code"])


def test_an_agent_that_unlocks_the_door_waits_until_its_owner_agrees(real_home: GovernedHome) -> None:
    action = asks(real_home, DOOR, state="unlocked")
    assert real_home.state(DOOR) == "locked" and real_home.bodies("effect.intended") == []
    shown = real_home.run("approvals", "show", action).stdout
    for part in (f"may {AGENT} do this?", "unlock", DOOR, "locked → unlocked", "the asker says (untrusted): a test"):
        assert part in shown
    [answer] = real_home.ok("approvals", "approve", action)["answers"]
    assert (answer["outcome"], answer["decision"]["verdict"]) == ("converged", "SHARE")
    assert observed(real_home.ha, DOOR)[DOOR]["state"] == "unlocked"

    locked = real_home.apply(DOOR, state="locked")
    assert (locked["outcome"], real_home.state(DOOR)) == ("converged", "locked"), "to lock needs nobody"


def test_an_owner_s_no_leaves_the_door_locked(real_home: GovernedHome) -> None:
    action = asks(real_home, DOOR, state="unlocked")
    [answer] = real_home.ok("approvals", "deny", action)["answers"]
    assert code(answer) == Code.APPROVAL_REFUSED.value
    assert real_home.run.refused("approvals", "approve", action, "--why", "after all")[1] == (
        Code.APPROVAL_INVALID.value
    )
    assert real_home.state(DOOR) == "locked" and real_home.bodies("effect.intended") == []


@pytest.mark.parametrize("doors", [(DOOR,), (DOOR, "lock.kitchen_door")])
def test_what_was_agreed_to_is_stale_once_another_hand_moved_the_lock(
    real_home: GovernedHome, doors: tuple[str, ...]
) -> None:
    action = asks(real_home, *doors, state="unlocked")
    real_home.ha.call("lock.unlock", entity_id=DOOR)
    assert real_home.run.refused("approvals", "approve", action, "--why", "yes")[1] == Code.PLAN_STALE.value
    assert real_home.state(DOOR) == "unlocked" and real_home.bodies("effect.intended") == []


def test_a_grant_for_two_lights_lets_those_and_refuses_a_third(real_home: GovernedHome) -> None:
    two = {"type": "array", "items": {"enum": [BED, KITCHEN]}}
    only = {
        "properties": {"entities": two, "state": True, "brightness": True},
        "required": ["entities"],
        "additionalProperties": False,
    }
    granted = ("--name", "Butler", "--capability", "homeassistant.entity", "--only", json.dumps(only))
    real_home.ok("talent", "grant", *granted)
    assert real_home.apply(BED, KITCHEN, state="on", brightness="70")["outcome"] == "converged"
    lit = observed(real_home.ha, BED, KITCHEN)
    assert [lit[name]["attributes"]["brightness"] for name in (BED, KITCHEN)] == [70, 70]

    before = real_home.ha.snapshot()
    third = real_home.run(*real_home.command(BED, CEILING, state="off"))
    assert third.exit_code == 1 and Code.DENIED.value in third.output and "grants/only" in third.output
    area = real_home.run(*real_home.command(more=("--areas", "Atelier", "--domain", "light"), state="off"))
    wishes = json.dumps([{"entities": [CEILING], "state": "off"}])
    within = real_home.run(*real_home.command(BED, more=("--set", f"wishes={wishes}"), state="on"))
    by_name = real_home.run(*real_home.command("Bed Light", state="off"))
    for other in (area, within, by_name):
        assert other.exit_code == 1 and Code.DENIED.value in other.output, other.output
    assert real_home.ha.snapshot() == before


def test_a_hazard_that_the_operator_declares_makes_a_light_need_a_person(real_home: GovernedHome) -> None:
    assert real_home.apply(BED, state="on")["outcome"] == "converged"
    real_home.ok("target", "set", TARGET, "--hazard", "light_off=call-out")
    action = asks(real_home, BED, state="off")
    assert real_home.state(BED) == "on"
    [answer] = real_home.ok("approvals", "approve", action)["answers"]
    assert answer["outcome"] == "converged" and real_home.state(BED) == "off"
    assert real_home.apply(BED, state="on")["outcome"] == "converged", "the other effect has no hazard"


def test_a_budget_of_two_requests_refuses_the_third(real_home: GovernedHome) -> None:
    real_home.ok("budget", "set", "--subject", "talent:Butler", "--unit", "requests", "--per", "day", "--limit", "2")
    assert real_home.apply(BED, state="on")["outcome"] == "converged"
    assert real_home.apply(BED, state="on")["outcome"] == "converged", "nothing to do costs nothing"
    second = real_home.apply(BED, state="off")
    assert second["outcome"] == "converged" and "2 requests of 2 requests" in second["warnings"][0]
    third = real_home.apply(BED, state="on")
    assert code(third) == Code.BUDGET_EXCEEDED.value and 0 < third["error"]["retry_after"] <= 86_400
    assert real_home.state(BED) == "off"
    assert real_home.apply(BED, state="on", who="operator")["outcome"] == "converged", "it is the agent's budget"
    [budget] = real_home.run.ok("budget", "show")["budgets"]
    assert (budget["used"], budget["reserved"]) == (2, 0)


def test_a_stopped_capability_writes_nothing_until_it_is_resumed(real_home: GovernedHome) -> None:
    real_home.ok("stop", "--capability", "homeassistant.entity")
    for who in (AGENT, "operator"):
        assert code(real_home.apply(BED, state="on", who=who)) == Code.STOPPED.value
    assert real_home.apply(BED, state="on", more=("--dry-run",))["outcome"] == "dry_run"
    assert real_home.state(BED) == "off" and real_home.bodies("effect.intended") == []
    real_home.ok("resume", "--capability", "homeassistant.entity")
    assert real_home.apply(BED, state="on")["outcome"] == "converged" and real_home.state(BED) == "on"


@pytest.mark.parametrize(
    ("entities", "more", "wish"),
    [
        ([BED], [], {"state": "on", "brightness": "90"}),
        (["Bed Light", KITCHEN], [], {"state": "on", "color_temp_kelvin": "3000"}),
        ([BED], ["--set", 'wishes=[{"areas": ["Atelier"], "domain": "light", "state": "off"}]'], {"state": "on"}),
    ],
)
def test_right_plans_for_lights_stand(
    real_home: GovernedHome, entities: list[str], more: list[str], wish: dict[str, str]
) -> None:
    report = real_home.apply(*entities, more=(*more, "--mode=falsify"), **wish)
    assert {one["name"]: one["result"] for one in report["attempts"]} == dict.fromkeys(ATTEMPTS, "stood")
    assert report["outcome"] == "converged" and real_home.state(BED) == "on"


def test_a_token_that_does_not_hold_acts_on_nothing_and_is_put_back(real_home: GovernedHome) -> None:
    real_home.ok("secret", "rotate", "HASS_TOKEN", "--overlap", "1h", stdin="a token that no house ever gave out")
    assert code(real_home.apply(BED, state="on")) == Code.TARGET_AUTH.value
    assert real_home.state(BED) == "off", "the former token is not tried by itself"
    real_home.ok("secret", "rotate", "HASS_TOKEN", "--back")
    assert real_home.apply(BED, state="on")["outcome"] == "converged" and real_home.state(BED) == "on"
    assert [body["change"] for body in real_home.bodies("secret.changed")] == ["set", "rotated", "returned"]
    for path in real_home.run.home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert real_home.ha.token.encode() not in path.read_bytes(), path
