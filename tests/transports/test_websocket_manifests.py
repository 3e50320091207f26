"""What manifests may say to the websocket driver."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from lasting_peers import EXAMPLES

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Manifest


def example(**changes: Any) -> Manifest:
    given = yaml.safe_load((EXAMPLES / "websocket.yaml").read_text("utf-8"))
    return Manifest.model_validate({**given, **changes})


async def test_the_example_is_taken(house_rig: Any) -> None:
    house_rig.driver.check(example())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"connection": {}}, "connection lacks id"),
        ({"connection": {"id": "id", "ping": {}}}, "takes no 'ping'"),
        ({"connection": {"id": "id", "ok": "success"}}, "no JSON Pointer"),
        ({"connection": {"id": "id", "definite": {"error": {}}}}, "connection.definite is a list"),
        ({"effects": {"it": {"read": "request", "json": {"a": 1}, "reply": {"ok": {}}}}}, "takes no 'ok'"),
        ({"connection": {"id": "id", "idle": {"type": "ping"}}}, "idle and idle_reply"),
        ({"connection": {"id": "id", "opening": [{"send": {"a": 1}, "expect": {}}]}}, "opening.0 sends or expects"),
        ({"connection": {"id": "id", "opening": [{"send": {"x": {"secret": "OTHER"}}}]}}, "OTHER"),
        ({"connection": {"id": "id", "opening": [{"send": {"x": {"type": "string"}}}]}}, "no arguments"),
        ({"connection": {"id": "id", "headers": {"Host": "elsewhere"}}}, "Host"),
        ({"connection": {"id": "id", "headers": {"Sec-WebSocket-Key": "x"}}}, "sec-websocket-key"),
        ({"base": "http://{HOUSE_HOST}"}, "ws|wss"),
        ({"effects": {"it": {"read": "GET /"}}}, "neither request nor view"),
        ({"effects": {"it": {"read": "request", "json": {"id": 7}}}}, "which the driver counts"),
        ({"effects": {"it": {"read": "request"}}}, "the message"),
        ({"effects": {"it": {"read": "request", "json": {"a": 1}, "query": {"a": 1}}}}, "takes no query"),
        ({"effects": {"it": {"read": "view", "json": {"a": 1}}}}, "stand together"),
        ({"signals": {"subscribe": [{"x": {"secret": "HOUSE_TOKEN"}}]}}, "no secrets"),
        ({"signals": {"news": ["event"]}}, "signals.news.0"),
    ],
)
async def test_what_could_not_be_spoken_is_refused(house_rig: Any, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(FabricError) as caught:
        house_rig.driver.check(example(**changes))
    assert caught.value.code == Code.MANIFEST_INVALID
    assert named in caught.value.message


async def test_a_view_needs_a_barrier(house_rig: Any) -> None:
    given = yaml.safe_load((EXAMPLES / "websocket.yaml").read_text("utf-8"))
    view = given["effects"]["lamps"]["view"]
    del view["barrier"], view["barrier_reply"]
    house_rig.driver.check(Manifest.model_validate(given))  # the connection's idle serves
    del given["connection"]["idle"], given["connection"]["idle_reply"]
    with pytest.raises(FabricError) as caught:
        house_rig.driver.check(Manifest.model_validate(given))
    assert "barrier" in caught.value.message
