"""Fans: on or off, speed, preset, oscillation, direction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Refuse

from .house import Entity
from .steps import Step, former

SPEED, OSCILLATE, DIRECTION, PRESET = 1, 2, 4, 8
ROUNDING = 1
"""Of 100: a third is 33 or 34."""


def seen(fan: Entity) -> dict[str, Any]:
    names = ("percentage", "preset_mode", "oscillating", "direction")
    kept = {name: fan.attributes[name] for name in names if fan.attributes.get(name) is not None}
    if fan.state != "on":
        kept.pop("percentage", None)
        kept.pop("preset_mode", None)
    return {"state": fan.state, **kept}


def steps(fan: Entity, wish: Mapping[str, Any]) -> list[Step]:
    """A speed or a preset turns the fan on, direction and oscillation do not."""
    state, percentage, preset = wish.get("state"), wish.get("percentage"), wish.get("preset_mode")
    if state == "off" and (percentage is not None or preset is not None):
        raise Refuse(f"{fan.id} cannot be off and have a speed")
    if percentage is not None and preset is not None:
        raise Refuse(f"{fan.id} has a speed or a preset, not both")
    found: list[Step] = []
    if percentage is not None:
        fan.require(SPEED, "speed that could be set")
        if fan.state != "on" or not _runs_at(fan, percentage):
            found.append(_speed(fan, "fan_percentage", {"percentage": percentage}))
    elif preset is not None:
        fan.require(PRESET if not fan.supports(SPEED) else 0, "presets")
        fan.choose(preset, "preset_modes", "preset")
        if fan.state != "on" or fan.text("preset_mode") != preset:
            found.append(_speed(fan, "fan_preset", {"preset_mode": preset}))
    elif state == "on" and fan.state != "on":
        found.append(Step("fan_on", before={"state": fan.state}, after={"state": "on"}, inverse=("fan_off", {}),
                          former=_former(fan)))  # fmt: skip
    elif state == "off" and fan.state != "off":
        found.append(Step("fan_off", before=_running(fan), after={"state": "off"}, inverse=_back(fan),
                          former=_former(fan)))  # fmt: skip
    for field, effect, feature in (
        ("oscillating", "fan_oscillate", OSCILLATE),
        ("direction", "fan_direction", DIRECTION),
    ):
        if field not in wish:
            continue
        fan.require(feature, "oscillation" if field == "oscillating" else "direction")
        now = fan.attributes.get(field)
        if now != wish[field]:
            known = {} if now is None else {field: now}
            found.append(Step(effect, {field: wish[field]}, before=known, after={field: wish[field]},
                              inverse=(effect, known) if known else None, former=_former(fan)))  # fmt: skip
    return found


def _runs_at(fan: Entity, wanted: float) -> bool:
    """At that speed, or at the next of its own speeds above it, which is where Home Assistant sends a stepped fan."""
    now = fan.number("percentage")
    if now is None:
        return False
    step = fan.number("percentage_step") or 1.0
    above = min(math.ceil(wanted / step - 1e-6) * step, 100.0)
    return abs(now - wanted) <= ROUNDING or abs(now - above) <= ROUNDING


def _speed(fan: Entity, effect: str, args: Mapping[str, Any]) -> Step:
    return Step(effect, args, before=_running(fan), after={"state": "on", **args}, inverse=_back(fan),
                former=_former(fan))  # fmt: skip


def _running(fan: Entity) -> dict[str, Any]:
    now = seen(fan)
    return {name: now[name] for name in ("state", "percentage", "preset_mode") if name in now}


def _back(fan: Entity) -> tuple[str, Mapping[str, Any]]:
    if fan.state != "on":
        return ("fan_off", {})
    preset, percentage = fan.text("preset_mode"), fan.number("percentage")
    if preset is not None:
        return ("fan_preset", {"preset_mode": preset})
    return ("fan_percentage", {"percentage": round(percentage)}) if percentage else ("fan_on", {})


def _former(fan: Entity) -> dict[str, Any]:
    return former(fan, "percentage", "preset_mode", "oscillating", "direction")
