"""homeassistant.service: one service called once, as an act.

What a service does is not seen and not taken back; what is a state is better kept by homeassistant.entity. Which effect
a service goes by is fixed by the manifest's schemas, not by this code: those that let in, disarm, run the house's own
routines or restart it are effects of their own with hazards, and the effects for the others do not take their domains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Adapter, Change, Host, Plan, Refuse

from .house import listed, read_house

KNOWN = (
    "light", "switch", "fan", "media_player", "climate", "humidifier", "water_heater", "vacuum", "remote", "siren",
    "camera", "input_boolean", "input_number", "input_select", "input_text", "input_datetime", "input_button", "button",
    "number", "select", "text", "date", "time", "datetime", "counter", "timer", "schedule", "todo", "calendar",
    "notify", "tts", "persistent_notification", "weather", "logbook",
)  # fmt: skip
"""Domains of the effect `call`."""
ELSEWHERE = frozenset({"tts", "notify", "persistent_notification", "logbook"})
"""Domains whose services are about something else than entities of their own."""
UNLOCK = ("unlock", "open")
OPEN_COVER = ("open_cover", "set_cover_position", "toggle")
OPEN_VALVE = ("open_valve", "set_valve_position", "toggle")
BY_SERVICE: Mapping[tuple[str, str], str] = {
    **{("lock", name): "unlock" for name in UNLOCK},
    **{("cover", name): "open_cover" for name in OPEN_COVER},
    **{("valve", name): "open_valve" for name in OPEN_VALVE},
    ("alarm_control_panel", "alarm_disarm"): "alarm_disarm",
    ("alarm_control_panel", "alarm_trigger"): "alarm_trigger",
}
BY_DOMAIN: Mapping[str, str] = {
    "lock": "lock", "cover": "close_cover", "valve": "close_valve", "alarm_control_panel": "alarm_arm",
    "scene": "scene", "script": "script", "automation": "automation", "homeassistant": "restart",
    **dict.fromkeys(KNOWN, "call"),
}  # fmt: skip
NOT_TAKEN = {"scene": ("apply", "create"), "homeassistant": ("turn_on", "turn_off", "toggle", "update_entity")}
"""What would do another domain's acts under its own name; the manifest takes none of it."""
SECRETS = frozenset({"code", "pin", "password", "token", "access_token", "api_key"})
SHOWN = ("entity_id", "service_data")


class Service(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        domain, _, name = intent["service"].partition(".")
        data = intent.get("data", {})
        if said := sorted(SECRETS & set(data)):
            raise Refuse(f"{said[0]} would stand in the record for ever: let a script of the house hold it")
        if "entity_id" in data:
            raise Refuse("say entities beside the data, not in it")
        if name in NOT_TAKEN.get(domain, ()):
            raise Refuse(f"{domain}.{name} would do what services of other names are for: call those")
        # Whether there is such a service is for Home Assistant to say: its list of services holds numbers that no
        # canonical JSON takes (bounds of 2^63).
        args: dict[str, Any] = {"domain": domain, "service": name}
        if data:
            args["service_data"] = data
        if "entities" in intent:
            args["entity_id"] = await self._entities(domain, name, intent["entities"], host)
        effect = BY_SERVICE.get((domain, name)) or BY_DOMAIN.get(domain, "other")
        about = f" for {listed(args['entity_id'])}" if "entity_id" in args else ""
        after = {"called": f"{domain}.{name}", **{key: value for key, value in args.items() if key in SHOWN}}
        return Plan([Change(effect, args, after=after, summary=f"call {domain}.{name}{about}"[:300])])

    async def _entities(self, domain: str, name: str, wanted: list[str], host: Host) -> list[str]:
        house = await read_house(host, wanted)
        ids = []
        for one in wanted:
            entity = house.get(one)
            assert entity is not None
            if entity.state == "unavailable":
                raise Refuse(f"{entity.id} is unavailable: Home Assistant does not reach it now")
            if entity.domain != domain and domain in BY_DOMAIN and domain not in ELSEWHERE:
                raise Refuse(f"{entity.id} is no {domain}: Home Assistant would take {domain}.{name} and do nothing")
            ids.append(entity.id)
        return sorted(set(ids))
