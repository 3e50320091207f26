"""vmix.overlay: which input lies over the program on an overlay channel, or none.

Uses the In and Out functions, which set; the functions without a suffix toggle and are not used. Both run the
transition that is configured in vMix for the channel.
"""

from typing import Any

from infrafabric.adapters.sdk import Adapter, Call, Change, Host, Plan, Refuse

from .vmix_state import Input, read_state

OFF = "off"


class Overlay(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        state = await read_state(host)
        channel, overlays = intent["channel"], state.overlays()
        if channel not in overlays:
            raise Refuse(f"this vMix has no overlay channel {channel}; it shows {', '.join(map(str, overlays))}")
        shown = overlays[channel]
        previewed = state.overlay_previews().get(channel)
        wanted = None if intent["input"] is None else state.find(intent["input"])
        # An overlay that waits on the preview is another hand's too: showing or taking off would end it.
        seen = {"shown": shown.key if shown else OFF, "previewed": previewed.key if previewed else OFF}
        if wanted is shown:
            return Plan(observed=seen)
        name = f"overlay {channel}"
        call = _setting(channel, wanted)
        change = Change(
            call.effect,
            call.args,
            before={name: str(shown or OFF)},
            after={name: str(wanted or OFF)},
            inverse=_setting(channel, shown),
            summary=f"{name}: take {shown} off" if wanted is None else f"{name}: show {wanted}",
        )
        return Plan([change], observed=seen)


def _setting(channel: int, shown: "Input | None") -> Call:
    return Call(f"out_{channel}") if shown is None else Call(f"in_{channel}", {"Input": shown.key})
