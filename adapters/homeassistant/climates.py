"""Climate: mode, presets, temperatures. What a preset or mode may move is set again after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Refuse

from .house import Entity
from .steps import Step

TEMPERATURE, RANGE, HUMIDITY = 1, 2, 4
LEAST = 0.05
"""Degrees: half of the finest step that Home Assistant shows."""
CHOICES = {
    "fan_mode": ("climate_fan", 8, "fan_modes"),
    "preset_mode": ("climate_preset", 16, "preset_modes"),
    "swing_mode": ("climate_swing", 32, "swing_modes"),
}
SEEN = ("temperature", "target_temp_low", "target_temp_high", "humidity", *CHOICES)


def seen(climate: Entity) -> dict[str, Any]:
    """The mode and what is set; what is measured moves by itself."""
    set_to = {name: climate.attributes[name] for name in SEEN if climate.attributes.get(name) is not None}
    return {"hvac_mode": climate.state, **set_to}


def steps(climate: Entity, wish: Mapping[str, Any]) -> list[Step]:
    found: list[Step] = []
    mode = wish.get("hvac_mode")
    if mode is not None:
        climate.choose(mode, "hvac_modes", "mode")
        if climate.state != mode:
            found.append(_set("climate_mode", {"hvac_mode": mode}, {"hvac_mode": climate.state}))
    for field, (effect, feature, choices) in CHOICES.items():
        if field not in wish:
            continue
        climate.require(feature, field.replace("_", " "))
        climate.choose(wish[field], choices, field.replace("_", " "))
        now = climate.text(field)
        if now != wish[field] or (found and field != "preset_mode"):
            found.append(_set(effect, {field: wish[field]}, {field: now}))
    if "humidity" in wish:
        climate.require(HUMIDITY, "humidity that could be set")
        climate.within(wish["humidity"], climate.number("min_humidity"), climate.number("max_humidity"), "humidity")
        now_humid = climate.number("humidity")
        if found or now_humid is None or abs(now_humid - wish["humidity"]) > 0.5:
            found.append(_set("climate_humidity", {"humidity": wish["humidity"]}, {"humidity": now_humid}))
    found.extend(_temperatures(climate, wish, bool(found)))
    return found


def _temperatures(climate: Entity, wish: Mapping[str, Any], again: bool) -> list[Step]:
    found: list[Step] = []
    low, high = climate.number("min_temp"), climate.number("max_temp")
    if "temperature" in wish:
        climate.require(TEMPERATURE, "temperature that could be set")
        climate.within(wish["temperature"], low, high, "temperature")
        if again or not _near(climate, "temperature", wish["temperature"]):
            now = climate.number("temperature")
            found.append(_set("climate_temperature", {"temperature": wish["temperature"]}, {"temperature": now}))
    ends = [name for name in ("target_temp_low", "target_temp_high") if name in wish]
    if ends:
        climate.require(RANGE, "range of temperatures")
        if len(ends) == 1:
            raise Refuse(f"a range of temperatures has two ends: {ends[0]} is one, give the other too")
        for name in ends:
            climate.within(wish[name], low, high, "temperature")
        if wish["target_temp_low"] > wish["target_temp_high"]:
            raise Refuse("target_temp_low is above target_temp_high")
        if again or not all(_near(climate, name, wish[name]) for name in ends):
            now_ends = {name: climate.number(name) for name in ends}
            found.append(_set("climate_range", {name: wish[name] for name in ends}, now_ends))
    return found


def _near(climate: Entity, name: str, wanted: float) -> bool:
    """Within half of the device's own step."""
    now = climate.number(name)
    step = climate.number("target_temp_step") or 0.0
    return now is not None and abs(now - wanted) <= max(step / 2, LEAST)


def _set(effect: str, args: Mapping[str, Any], now: Mapping[str, Any]) -> Step:
    known = {name: value for name, value in now.items() if value is not None}
    inverse = (effect, known) if len(known) == len(args) else None
    return Step(effect, args, before=known, after=args, inverse=inverse)
