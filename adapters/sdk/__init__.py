"""What adapter code imports, and all that it may import beside the standard library.

An adapter is pure logic: it is shown an intent, asks the kernel to read, and answers with a plan. It runs in a
WebAssembly guest that imports nothing, so every effect is a request to the kernel, by a name from the manifest.

    from infrafabric.adapters.sdk import Adapter, Change, Plan, Refuse

    class Lamp(Adapter):
        async def plan(self, intent, host):
            state = (await host.read("state")).json()
            if intent["lamp"] not in state:
                raise Refuse(f"no lamp is called {intent['lamp']!r}")
            if state[intent["lamp"]] == intent["on"]:
                return Plan()
            return Plan([Change("switch", {"lamp": intent["lamp"], "on": intent["on"]})])
"""

from infrafabric.adapters.sdk.adapter import Adapter
from infrafabric.adapters.sdk.changes import Call, Change, Plan
from infrafabric.adapters.sdk.errors import EffectError, Refuse
from infrafabric.adapters.sdk.host import Answer, Host

__all__ = ["Adapter", "Answer", "Call", "Change", "EffectError", "Host", "Plan", "Refuse"]
