"""What OBS 29.0.2 answers, for the adapters' tests; tests/peers has the real one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infrafabric.kernel.words.manifest import Manifest
from infrafabric.registry.manifest import parse_draft

HERE = Path(__file__).resolve().parent


def yes(response: Mapping[str, Any]) -> dict[str, Any]:
    return {"code": 100, "response": dict(response)}


@dataclass
class Desk:
    """An OBS as its answers show it. `answers` are by read effect of scene.yaml."""

    scenes: list[str] = field(default_factory=lambda: ["Intro", "Main", "Outro"])
    program: str = "Intro"
    preview: str | None = None
    on_air: set[str] = field(default_factory=lambda: {"Intro"})
    cursor: float = 1.0
    transition: tuple[str, int | None] = ("Fade", 300)
    own: dict[str, tuple[str | None, int | None]] = field(default_factory=dict)
    contains: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    """Scenes and groups in a scene, each with whether it is a group."""

    def items(self, args: Mapping[str, Any]) -> dict[str, Any]:
        inside = self.contains.get(args["sceneName"], [])
        listed = [
            {"sourceName": name, "sourceType": "OBS_SOURCE_TYPE_SCENE", "isGroup": group, "sceneItemId": number}
            for number, (name, group) in enumerate(inside, 1)
        ]
        return yes({"sceneItems": [*listed, {"sourceName": "Red", "sourceType": "OBS_SOURCE_TYPE_INPUT"}]})

    def own_transition(self, args: Mapping[str, Any]) -> dict[str, Any]:
        name, length = self.own.get(args["sceneName"], (None, None))
        return yes({"transitionName": name, "transitionDuration": length})

    def shown(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return {"code": 100, "responses": [yes({"videoActive": name in self.on_air}) for name in args["sourceName"]]}

    @property
    def answers(self) -> dict[str, Any]:
        listed = [{"sceneName": name, "sceneIndex": index} for index, name in enumerate(reversed(self.scenes))]
        kinds = [
            {"transitionName": "Cut", "transitionFixed": True},
            {"transitionName": "Fade", "transitionFixed": False},
        ]
        return {
            "scenes": yes(
                {"scenes": listed, "currentProgramSceneName": self.program, "currentPreviewSceneName": self.preview}
            ),
            "cursor": yes({"transitionCursor": self.cursor}),
            "on_air": self.shown,
            "items": self.items,
            "group_items": self.items,
            "own_transition": self.own_transition,
            "transitions": yes({"transitions": kinds, "currentSceneTransitionName": self.transition[0]}),
            "transition": yes({"transitionName": self.transition[0], "transitionDuration": self.transition[1]}),
        }


@pytest.fixture
def desk() -> Desk:
    """Intro on program, Fade of 300 ms, no studio mode."""
    return Desk()


def _manifest(name: str) -> Manifest:
    return parse_draft((HERE.parent / f"{name}.yaml").read_bytes()).manifest


@pytest.fixture
def scene_manifest() -> Manifest:
    return _manifest("scene")


@pytest.fixture
def source_manifest() -> Manifest:
    return _manifest("source")


@pytest.fixture
def output_manifest() -> Manifest:
    return _manifest("output")
