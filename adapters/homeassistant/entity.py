"""homeassistant.entity: what entities of a house should be like.

One look at the house, then as few service calls as there are different ones to make: entities that lack the same are
one call. What Home Assistant says of an entity is what counts, never the answer to the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from infrafabric.adapters.sdk import Adapter, Host, Plan

from . import climates, fans, helpers, lights, openings, players
from .house import Entity, heard, listed
from .steps import Step, changes
from .wishes import read_wishes

Steps = Callable[[Entity, Mapping[str, Any]], list[Step]]
Seen = Callable[[Entity], dict[str, Any]]

KINDS: Mapping[str, tuple[Steps, Seen]] = {
    "light": (lights.steps, lights.seen),
    "switch": (helpers.switch_steps, helpers.value_seen),
    "input_boolean": (helpers.switch_steps, helpers.value_seen),
    "input_number": (helpers.number_steps, helpers.value_seen),
    "input_select": (helpers.select_steps, helpers.value_seen),
    "input_text": (helpers.text_steps, helpers.value_seen),
    "input_datetime": (helpers.datetime_steps, helpers.value_seen),
    "cover": (openings.cover_steps, openings.cover_seen),
    "lock": (openings.lock_steps, helpers.value_seen),
    "alarm_control_panel": (openings.alarm_steps, helpers.value_seen),
    "climate": (climates.steps, climates.seen),
    "media_player": (players.steps, players.seen),
    "fan": (fans.steps, fans.seen),
}
"""Domain → what an entity of it lacks, and what of it is compared by an undo."""


class Entities(Adapter):
    rest = False
    """Whether the manifest's reads are those of the REST API: one state or all, areas by a template."""

    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        house, wished = await read_wishes(intent, host, rest=self.rest)
        lacking: list[tuple[Entity, list[Step]]] = []
        observed: dict[str, Any] = {}
        assumed: list[str] = []
        for entity_id in sorted(wished):
            found = house.get(entity_id)
            assert found is not None
            entity = heard(found)
            steps, seen = KINDS[entity.domain]
            lacking.append((entity, steps(entity, wished[entity_id])))
            observed[entity_id] = seen(entity)
            if entity.flag("assumed_state"):
                assumed.append(entity_id)
        note = f"Home Assistant only assumes how {listed(assumed)} is: the device does not tell." if assumed else ""
        return Plan(changes(lacking), observed=observed, note=note[:1000])
