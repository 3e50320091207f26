"""Lists of intents for `ifctl run` on a simulated vMix, and what it answers to them."""

from __future__ import annotations

import json
from typing import Any

from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator

__all__ = ["MUSIC", "NOWHERE", "OPENER", "TAG", "Studio", "ran", "undone", "written"]

Studio = tuple[Ifctl, VmixSimulator]

MUSIC = {"id": "music", "capability": "vmix.audio", "intent": {"input": "Music", "volume": 20}}
TAG = {"id": "tag", "capability": "vmix.overlay", "intent": {"channel": 1, "input": "Lower Third"}}
OPENER = {"id": "opener", "capability": "vmix.switcher", "on": "vmix@studio-a", "intent": {"scene": "Intro"}}
NOWHERE = {"id": "nowhere", "capability": "vmix.switcher", "intent": {"scene": "Nowhere"}}


def written(*steps: dict[str, Any], **more: Any) -> str:
    return json.dumps({"steps": list(steps), **more})


def ran(run: Ifctl, text: str, *options: str) -> dict[str, Any]:
    """The JSON answer to a list on stdin, whatever became of it."""
    result = run("run", "-", *options, "--json", stdin=text)
    assert result.exit_code in (0, 1), result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code != 0) == ("error" in answer)
    return answer


def undone(answer: dict[str, Any]) -> dict[str, str | None]:
    return {step["id"]: step["undo"] and step["undo"]["outcome"] for step in answer["steps"]}
