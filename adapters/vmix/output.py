"""vmix.output: recording, the five streams, the external output and MultiCorder, each on or off.

Starting has an inverse: stopping what this action started. Stopping a recording or a stream has none: the file is
closed, the broadcast may be over, and starting again is another one. It is destructive and cannot be undone.
"""

from typing import Any

from infrafabric.adapters.sdk import Adapter, Call, Change, Host, Plan, Refuse

from .vmix_state import STREAMS, State, read_state


class Output(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        state = await read_state(host)
        changes = []
        seen: dict[str, bool] = {}
        for field, (start, stop) in EFFECTS.items():
            if field not in intent:
                continue
            now, wanted = _running(state, field), intent[field]
            if now is None:
                raise Refuse(f"this vMix does not say whether {_named(field)} runs, only that some stream does")
            seen[field] = now
            if now == wanted:
                continue
            inverse = Call(stop) if wanted else Call(start) if field in RESUMABLE else None
            changes.append(
                Change(
                    start if wanted else stop,
                    before={field: now},
                    after={field: wanted},
                    inverse=inverse,
                    summary=f"{'start' if wanted else 'stop'} {_named(field)}",
                )
            )
        return Plan(changes, observed=seen)


EFFECTS = {
    "recording": ("start_recording", "stop_recording"),
    **{f"stream_{number}": (f"start_stream_{number}", f"stop_stream_{number}") for number in STREAMS},
    "external": ("start_external", "stop_external"),
    "multicorder": ("start_multicorder", "stop_multicorder"),
}
RESUMABLE = frozenset({"external"})
"""What is the same after it was stopped and started again."""


def _running(state: State, field: str) -> "bool | None":
    if field.startswith("stream_"):
        return state.streams()[int(field.removeprefix("stream_"))]
    return state.flag({"multicorder": "multiCorder"}.get(field, field))


def _named(field: str) -> str:
    return {"external": "the external output", "multicorder": "MultiCorder"}.get(field, field.replace("_", " "))
