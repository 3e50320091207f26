"""Areas: which entities lie in a room, by the house's registries.

As Home Assistant itself has it: an entity is where its own entry says, else where its device is. What is hidden, or is
there for configuration or diagnosis, is not meant when a room is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Host, Refuse

from .house import hint, items, listed, result


class Areas:
    def __init__(self, areas: list[Any], devices: list[Any], entities: list[Any]) -> None:
        self._names: Mapping[str, str] = {area["area_id"]: str(area.get("name") or area["area_id"]) for area in areas}
        self._aliases = {area["area_id"]: area.get("aliases") or [] for area in areas}
        of_device = {device["id"]: device.get("area_id") for device in devices}
        self._inside: dict[str, list[str]] = {area["area_id"]: list(area.get("entities", ())) for area in areas}
        for entity in entities:
            if entity.get("hb") or "ec" in entity:
                continue
            area = entity.get("ai") or of_device.get(entity.get("di"))
            if area is not None:
                self._inside.setdefault(area, []).append(entity["ei"])

    def entities(self, wanted: str) -> list[str]:
        """Ids of the entities in the area of that id, name or alias. Raises Refuse: none, or more than one."""
        if wanted in self._names:
            return sorted(self._inside.get(wanted, ()))
        found = [area for area, name in self._names.items() if wanted == name or wanted in self._aliases[area]]
        if len(found) > 1:
            raise Refuse(f"{wanted!r} is the name of the areas {listed(sorted(found))}; say which by its id")
        if not found:
            raise Refuse(f"Home Assistant has no area {wanted!r}{hint(wanted, [*self._names.values(), *self._names])}")
        return sorted(self._inside.get(found[0], ()))


async def read_areas(host: Host, *, rest: bool = False) -> Areas:
    """Three reads; over REST one, which a template answers."""
    if rest:
        return Areas(items((await host.read("areas")).json(), "area_id"), [], [])
    areas = items((await host.read("areas")).json(), "area_id")
    devices = items((await host.read("devices")).json(), "id")
    display = result((await host.read("entities")).json())
    entities = items(display.get("entities") if isinstance(display, dict) else display, "ei")
    return Areas(areas, devices, entities)
