"""obs.output: recording, streaming, the replay buffer and the virtual camera, each on or off.

Starting has an inverse: stopping what this action started. Stopping a recording or a stream has none: the file is
closed, the broadcast may be over, and starting again is another one. A stopped replay buffer has lost what it held.
OBS takes about two seconds to end a recording or a buffer, and calls it active until then.
"""

from typing import Any

from infrafabric.adapters.sdk import Adapter, Call, Change, Host, Plan, Refuse

from .obs_state import UNAVAILABLE, ask

RECONNECTING = "reconnecting"
"""A stream whose server is not there any more: OBS calls it active, and nobody sees it."""
PAUSED = "paused"


class Output(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        changes = []
        seen: dict[str, Any] = {}
        for field, name in NAMES.items():
            if field not in intent:
                continue
            now, wanted = await _running(host, field), intent[field]
            seen[field] = now
            if now == wanted:
                continue
            if now == PAUSED and wanted:
                raise Refuse("the recording is paused: resume it in OBS, or stop it and start another")
            start, stop = f"start_{field}", f"stop_{field}"
            resumable = Call(start) if field in RESUMABLE else None
            changes.append(
                Change(
                    start if wanted else stop,
                    before={field: now},
                    after={field: wanted},
                    inverse=Call(stop) if wanted else resumable,
                    summary=f"{'start' if wanted else 'stop'} {name}",
                )
            )
        return Plan(changes, observed=seen)


NAMES = {
    "recording": "recording",
    "streaming": "streaming",
    "replay_buffer": "the replay buffer",
    "virtual_camera": "the virtual camera",
}
RESUMABLE = frozenset({"virtual_camera"})
"""What is the same after it was stopped and started again."""
MISSING = {
    "replay_buffer": "this OBS has no replay buffer: enable it in OBS's settings, under Output",
    "virtual_camera": "this OBS has no virtual camera: on Linux it needs the kernel's v4l2loopback",
}


async def _running(host: Host, field: str) -> "bool | str":
    if field in MISSING:
        answer = await host.read(field, check=False)
        if answer.value.get("code") == UNAVAILABLE:
            raise Refuse(MISSING[field])
        if not answer.ok:
            raise Refuse(f"OBS does not say whether {NAMES[field]} runs: {answer.problem}")
        return bool(answer.value["response"]["outputActive"])
    status = await ask(host, field)
    if status["outputActive"] and status.get("outputReconnecting"):
        return RECONNECTING
    if status["outputActive"] and status.get("outputPaused"):
        return PAUSED
    return bool(status["outputActive"])
