"""What is wished of which entity: the intent, with its areas resolved and everything about one entity together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Host, Refuse

from .areas import Areas, read_areas
from .house import House, hint, listed, read_house

_ON_OFF = ("on", "off")
STATES: Mapping[str, tuple[str, ...]] = {
    "light": _ON_OFF,
    "switch": _ON_OFF,
    "input_boolean": _ON_OFF,
    "fan": _ON_OFF,
    "cover": ("open", "closed"),
    "lock": ("locked", "unlocked"),
    "media_player": ("on", "off", "playing", "paused", "idle"),
    "alarm_control_panel": ("disarmed", "armed_home", "armed_away", "armed_night", "armed_vacation"),
}
"""What `state` may be, by domain. Domains that are not here have other fields for it."""
FIELDS: Mapping[str, tuple[str, ...]] = {
    "light": (
        "state", "brightness", "brightness_pct", "color_temp_kelvin", "hs_color", "rgb_color", "xy_color",
        "rgbw_color", "rgbww_color", "effect",
    ),
    "switch": ("state",),
    "input_boolean": ("state",),
    "input_number": ("value",),
    "input_select": ("option",),
    "input_text": ("text",),
    "input_datetime": ("datetime",),
    "cover": ("state", "position", "tilt_position"),
    "lock": ("state",),
    "alarm_control_panel": ("state",),
    "climate": (
        "hvac_mode", "temperature", "target_temp_low", "target_temp_high", "humidity", "fan_mode", "preset_mode",
        "swing_mode",
    ),
    "media_player": ("state", "volume_level", "muted", "source", "sound_mode"),
    "fan": ("state", "percentage", "preset_mode", "oscillating", "direction"),
}  # fmt: skip
"""The fields that an entity of a domain takes."""
_ABOUT = ("entities", "areas", "domain", "wishes")


async def read_wishes(intent: Mapping[str, Any], host: Host, *, rest: bool) -> tuple[House, dict[str, dict[str, Any]]]:
    """The house, and entity id → fields wished of it. Raises Refuse for what cannot be."""
    wishes = [_fields(wish) for wish in _wishes(intent)]
    areas = await read_areas(host, rest=rest) if any(wish.get("areas") for wish in _wishes(intent)) else None
    named: list[list[str]] = []
    for wish in _wishes(intent):
        named.append([*wish.get("entities", ()), *(_in_areas(wish, areas) if areas is not None else ())])
    house = await read_house(host, {name for names in named for name in names}, rest=rest)
    found: dict[str, dict[str, Any]] = {}
    for names, fields in zip(named, wishes, strict=True):
        for name in names:
            entity = house.get(name)
            assert entity is not None
            _add(found.setdefault(entity.id, {}), entity.id, entity.domain, fields)
    return house, found


def _wishes(intent: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The intent itself and those in its list; the schema has seen to it that each names entities or areas."""
    own = [intent] if "entities" in intent or "areas" in intent else []
    if not own and set(intent) - {"wishes"}:
        raise Refuse("say of which entities or areas")
    return [*own, *intent.get("wishes", ())]


def _fields(wish: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in wish.items() if name not in _ABOUT}
    if not fields:
        raise Refuse(f"nothing is wished of {listed([*wish.get('entities', ()), *wish.get('areas', ())])}")
    return fields


def _in_areas(wish: Mapping[str, Any], areas: Areas) -> list[str]:
    if not wish.get("areas"):
        return []
    if "domain" not in wish:
        raise Refuse("an area holds entities of every kind: say the domain too, such as light")
    ids: list[str] = []
    for area in wish["areas"]:
        inside = [name for name in areas.entities(area) if name.startswith(wish["domain"] + ".")]
        if not inside:
            raise Refuse(f"the area {area!r} has no {wish['domain']}")
        ids.extend(inside)
    return ids


def _add(known: dict[str, Any], entity_id: str, domain: str, fields: Mapping[str, Any]) -> None:
    """Add to what is wished of the entity. Raises Refuse for a field that its kind has not, or two that disagree."""
    if domain not in FIELDS:
        raise Refuse(f"{entity_id}: a {domain} is nothing whose state this capability keeps ({', '.join(FIELDS)})")
    for name, value in fields.items():
        if name not in FIELDS[domain]:
            raise Refuse(f"{entity_id}: a {domain} has no {name}{hint(name, FIELDS[domain])}"
                         f" (it takes {', '.join(FIELDS[domain])})")  # fmt: skip
        if name == "state" and value not in STATES[domain]:
            raise Refuse(f"{entity_id}: a {domain} is never {value} (it is {' or '.join(STATES[domain])})")
        if name in known and known[name] != value:
            raise Refuse(f"{entity_id} is wished to have {name} {known[name]!r} and {value!r}")
        known[name] = value
