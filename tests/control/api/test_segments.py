"""What is under a segment is answered as if all routes were looked through."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI
from served import Served

from infrafabric.control.api.app import ROUTERS
from infrafabric.control.api.segments import segments_of


async def test_every_route_of_the_document_is_found(served: Served) -> None:
    client = await served.operator()
    document = (await client.get("/v1/openapi.json")).json()
    for path, operations in document["paths"].items():
        concrete = path.replace("{", "x").replace("}", "")
        answer = await client.options(concrete)
        methods = {name.upper() for name in operations}
        told = set(answer.headers.get("allow", "").split(", ")) - {"HEAD", "OPTIONS"}
        assert (answer.status_code, told) == (204, methods), path


async def test_what_is_under_no_segment_is_not_there(served: Served) -> None:
    client = await served.operator()
    for path in ("/v1/", "/v1", "/v1//keys", "/v1/keysx", "/v2/keys", "/keys", "/v1/keys/x/y/z"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "IF_ERR_ROUTE_UNKNOWN"), path


def test_a_segment_holds_all_routers_that_have_a_route_there() -> None:
    made: dict[str, list[APIRouter]] = {}

    def make(routers: object) -> FastAPI:
        assert isinstance(routers, list)
        made[str(len(made))] = routers
        return FastAPI()

    found = segments_of(ROUTERS, make)
    assert {"keys", "me", "sessions", "actions", "approvals", "log"} <= set(found)
    assert sum(len(routers) for routers in made.values()) >= len(ROUTERS)


def test_a_route_that_begins_with_a_parameter_cannot_be_found_so() -> None:
    router = APIRouter()
    router.add_api_route("/{anything}", lambda: None)
    with pytest.raises(ValueError, match="begins with a parameter"):
        segments_of([router], lambda routers: FastAPI())
