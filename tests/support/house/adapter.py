"""Adapters of the test house: lamps are a state, the bell is an event."""

from __future__ import annotations

from typing import Any

from infrafabric.adapters.sdk import Adapter, Call, Change, Host, Plan, Refuse


class Lamps(Adapter):
    """Brings every named lamp to the wanted state."""

    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        present = (await host.read("state")).json()["lamps"]
        changes = []
        for lamp, wanted in intent["lamps"].items():
            if lamp not in present:
                raise Refuse(f"there is no lamp {lamp}")
            if present[lamp] != wanted:
                args, back = {"lamp": lamp, "on": wanted}, {"lamp": lamp, "on": present[lamp]}
                changes.append(
                    Change(
                        "switch", args, before={lamp: present[lamp]}, after={lamp: wanted}, inverse=Call("switch", back)
                    )
                )
        return Plan(changes)


class Bell(Adapter):
    """Rings once; taken back by striking the ring from the book."""

    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        strike = Call("strike", {"id": {"$result": "change-1#/ring/id"}})
        return Plan([Change("ring", {"tone": intent["tone"]}, after={"tone": intent["tone"]}, inverse=strike)])
