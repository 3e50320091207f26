"""vmix.switcher: which input is on program, and which on preview.

A cut uses vMix's `CutDirect`, which leaves the preview alone. Every other transition makes vMix put what was on program
on preview; the plan then sets the preview, so that the rule is one: it stays as it was unless the intent names it. It
is set also where vMix's own swap would do, because only a change that was planned can be taken back.
"""

from typing import Any

from infrafabric.adapters.sdk import Adapter, Call, Change, Host, Plan, Refuse

from .vmix_state import read_state

DEFAULT_MS = 500
AFTER_S = 0.3
"""How long after a transition's time the preview is set, where vMix is not heard: it changes the preview itself when
the transition ends."""
MOST_LOOKS = 12
"""How often vMix is asked whether the transition is over, because it told of some change."""


class Switcher(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        transition = intent.get("transition", "cut")
        if transition == "cut" and "duration_ms" in intent:
            raise Refuse("a cut has no duration; name a transition, such as fade")
        state = await read_state(host)
        scene = state.find(intent["scene"]) if "scene" in intent else state.program
        preview = state.find(intent["preview"]) if "preview" in intent else state.preview
        changes = []
        if scene is not state.program:
            args: dict[str, Any] = {"Input": scene.key}
            if transition != "cut":
                args["Duration"] = intent.get("duration_ms", DEFAULT_MS)
            changes.append(
                Change(
                    transition,
                    args,
                    before={"program": str(state.program)},
                    after={"program": str(scene)},
                    inverse=Call("cut", {"Input": state.program.key}),
                    summary=f"{transition} from {state.program} to {scene}",
                )
            )
        swaps = bool(changes) and transition != "cut"
        if swaps or preview is not state.preview:
            changes.append(
                Change(
                    "preview",
                    {"Input": preview.key},
                    before={"preview": str(state.preview)},
                    after={"preview": str(preview)},
                    inverse=Call("preview", {"Input": state.preview.key}),
                    summary=f"preview {preview}" if preview is not state.preview else f"keep {preview} on preview",
                )
            )
        dark = state.flag("fadeToBlack") and changes
        seen = {"program": str(state.program), "preview": str(state.preview)}
        return Plan(
            changes, observed=seen, note="vMix is faded to black: the audience sees none of this yet." if dark else ""
        )

    async def apply(self, plan: Plan, host: Host, dry_run: bool = False) -> None:
        for change in plan:
            await host.perform(change)
            if "Duration" in change.args:
                await _over(host, change)


async def _over(host: Host, change: Change) -> None:
    """Return when the transition is over: when vMix, having told of a change, shows it, or when its time is up."""
    left = change.args["Duration"] / 1000 + AFTER_S
    scene, leaving = change.args["Input"], change.inverse.args["Input"] if change.inverse else ""
    for _ in range(MOST_LOOKS):
        left -= await host.news(left)
        if left <= 0:
            return
        state = await read_state(host)
        if (state.program.key, state.preview.key) == (scene, leaving):
            return
    await host.wait(left)
