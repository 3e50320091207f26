"""Acting over a lasting connection, through the whole kernel: each ends in what is so."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from homes import Ifctl
from lasting_peers import House, done

from infrafabric.kernel.errors import Code

WISH = json.dumps({"lamps": ["Küche", "Halle"], "lit": True})
APPLY = ("capability", "apply", "house.lamps", "--intent", "-", "--why", "x")


def applied(run: Ifctl) -> tuple[str, Any]:
    """Outcome and the error's code of the wish, whatever they are."""
    result = run(*APPLY, "--json", stdin=WISH)
    given = json.loads(result.stdout)
    report = given.get("report", given)
    return str(report.get("outcome")), (given.get("error") or report.get("error") or {}).get("code")


def test_a_state_converges_and_is_seen_to(house_home: Ifctl, living_house: House) -> None:
    assert applied(house_home) == ("converged", None)
    assert [message["name"] for message in living_house.requests("switch")] == ["Küche", "Halle"]
    assert len(living_house.requests("get_lamps")) == 1, "all later reads are answered from what was told"
    assert living_house.connections == 1
    assert applied(house_home) == ("converged", None)
    assert len(living_house.requests("switch")) == 2


def test_a_house_that_says_yes_and_does_nothing(house_home: Ifctl, living_house: House) -> None:
    async def lie(connection: Any, message: dict[str, Any]) -> bool:
        if message["type"] == "switch":
            await done(connection, message["id"])
            return True
        return False

    living_house.misbehave = lie
    assert applied(house_home) == ("failed", Code.NOT_CONVERGED.value)


def test_a_house_that_does_it_later_is_heard(house_home: Ifctl, living_house: House) -> None:
    tasks = []

    async def later(connection: Any, message: dict[str, Any]) -> bool:
        if message["type"] != "switch":
            return False

        async def switch() -> None:
            await asyncio.sleep(1)
            await living_house.change(message["name"], {"name": message["name"], "lit": message["lit"]})

        tasks.append(asyncio.create_task(switch()))
        await done(connection, message["id"])
        return True

    living_house.misbehave = later
    assert applied(house_home) == ("converged", None)


@pytest.mark.parametrize("does", [True, False])
def test_a_connection_that_is_lost_in_a_write_is_looked_at(house_home: Ifctl, living_house: House, does: bool) -> None:
    async def hang_up(connection: Any, message: dict[str, Any]) -> bool:
        if message["type"] == "switch" and message["name"] == "Halle":
            if does:
                living_house.lamps["Halle"] = {"name": "Halle", "lit": True}
            connection.transport.abort()
            return True
        return False

    living_house.misbehave = hang_up
    expected = ("converged", None) if does else ("failed", Code.TARGET_LOST.value)
    assert applied(house_home) == expected
    asked = len([message for message in living_house.requests("switch") if message["name"] == "Halle"])
    assert (asked == 1) if does else (asked > 1)  # what was not done is asked for again, for a while


def test_a_wrong_token_is_refused_and_nothing_was_sent(house_home: Ifctl, living_house: House) -> None:
    living_house.token = "another"
    assert house_home.refused(*APPLY, stdin=WISH)[1] == Code.TARGET_AUTH.value
    assert living_house.heard == []
    [row] = house_home.ok("target", "list")["targets"]
    assert row["health"]["state"] == "refused"
