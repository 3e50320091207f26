"""An attacker of the demo: never answers."""

from typing import Any

from infrafabric.adapters.sdk import Adapter, Host, Plan


class Endless(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        while True:
            pass
