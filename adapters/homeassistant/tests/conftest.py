"""A recorded house for the adapters' tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from infrafabric.adapters.homeassistant.entity import Entities
from infrafabric.adapters.sdk import Plan
from infrafabric.control.harness import Played, play
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.registry.manifest import parse_draft

HERE = Path(__file__).resolve().parent

States = dict[str, dict[str, Any]]


@pytest.fixture
def states() -> States:
    """What Home Assistant 2024.3.3 answered, by entity id; a test may alter it."""
    recorded = json.loads((HERE / "data" / "states-2024.3.3.json").read_text("utf-8"))
    return {state["entity_id"]: state for state in recorded}


@pytest.fixture(scope="session")
def entity_manifest() -> Manifest:
    return parse_draft((HERE.parent / "entity.yaml").read_bytes()).manifest


@pytest.fixture(scope="session")
def service_manifest() -> Manifest:
    return parse_draft((HERE.parent / "service.yaml").read_bytes()).manifest


@pytest.fixture
def answers(states: States) -> dict[str, Any]:
    """Recorded answers as the websocket driver gives them: views by id, replies whole."""

    def view(args: Mapping[str, Any]) -> dict[str, Any]:
        wanted = args.get("entity_ids")
        return {"items": dict(states) if wanted is None else {name: states.get(name) for name in wanted}}

    def reply(result: Any) -> dict[str, Any]:
        return {"reply": {"id": 1, "type": "result", "success": True, "result": result}}

    return {
        "states": view,
        "config": reply({"state": "RUNNING"}),
        "areas": reply([
            {"area_id": "kitchen", "name": "Kitchen", "aliases": ["Küche"]},
            {"area_id": "den", "name": "Søren's \"den\" 🛋️", "aliases": []},
            {"area_id": "twin_1", "name": "Twin"}, {"area_id": "twin_2", "name": "Twin"},
        ]),
        "devices": reply([{"id": "oven", "area_id": "kitchen"}, {"id": "box", "area_id": None}]),
        "entities": reply({"entity_categories": {"0": "config"}, "entities": [
            {"ei": "light.kitchen_lights", "ai": "kitchen"},
            {"ei": "light.ceiling_lights", "di": "oven"},
            {"ei": "light.bed_light", "di": "oven", "ai": "den"},
            {"ei": "light.office_rgbw_lights", "di": "oven", "hb": True},
            {"ei": "switch.ac", "di": "oven", "ec": 0},
            {"ei": "switch.decorative_lights", "di": "box"},
        ]}),
    }  # fmt: skip


@pytest.fixture
def played(answers: dict[str, Any], entity_manifest: Manifest) -> Callable[..., Played]:
    def made(*entities: str, **intent: Any) -> Played:
        named = {"entities": list(entities)} if entities else {}
        return play(Entities, {**named, **intent}, answers, manifest=entity_manifest)

    return made


@pytest.fixture
def plan(played: Callable[..., Played]) -> Callable[..., Plan]:
    """`plan("light.a", state="on")`: the plan, every call in it checked against the manifest."""

    def made(*entities: str, **intent: Any) -> Plan:
        return played(*entities, **intent).plan

    return made
