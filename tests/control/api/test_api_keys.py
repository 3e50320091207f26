"""API keys: who shows a good one is known, and nobody else."""

from __future__ import annotations

from served import Served

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import AccessScope


async def test_a_caller_with_a_key_sees_what_is_installed(served: Served) -> None:
    answer = await (await served.operator()).get("/v1/capabilities")
    assert answer.status_code == 200
    names = {row["capability"] for row in answer.json()["capabilities"]}
    assert "if://capability/house.lamps" in names


async def test_a_caller_without_credentials_is_told_so(served: Served) -> None:
    answer = await served.client().get("/v1/capabilities")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "IF_ERR_AUTH_REQUIRED"


async def test_a_key_with_another_secret_is_none(served: Served) -> None:
    key = await served.key()
    altered = key[:-1] + ("A" if key[-1] != "A" else "B")
    answer = await served.client(altered).get("/v1/capabilities")
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_a_key_that_is_over_says_so(served: Served) -> None:
    key = await served.key(expires="2020-01-01T00:00:00Z")
    answer = await served.client(key).get("/v1/capabilities")
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_EXPIRED")


async def test_a_key_is_good_for_its_scopes_alone(served: Served) -> None:
    key = await served.key(OPERATOR, [AccessScope.METRICS])
    answer = await served.client(key).get("/v1/capabilities")
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")


async def test_a_path_that_nothing_is_under_is_a_problem_too(served: Served) -> None:
    answer = await (await served.operator()).get("/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "IF_ERR_ROUTE_UNKNOWN")
