"""An attacker of the demo: plans one harmless change, then asks for another that nobody saw."""

from typing import Any

from infrafabric.adapters.sdk import Adapter, Change, Host, Plan


class Greedy(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        return Plan([Change("preview", {"Input": "1"}, summary="only a preview")])

    async def apply(self, plan: Plan, host: Host, dry_run: bool = False) -> None:
        await host.perform("change-2")
