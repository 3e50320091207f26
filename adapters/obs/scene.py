"""obs.scene: which scene is on program, by which transition; the preview and studio mode.

A transition that the intent names is given to OBS as the scene's own (its "transition override"), and what the scene
had before is put back once the switch has begun: neither the operator's choice of transition nor another scene is
touched.

OBS names the new scene as its program scene when a fade *begins*. A scene counts as on program only when the transition
is over and no other scene is on air beside it; what it contains does not count, and neither do those that the intent
names under `also_on_air`. While studio mode is on, OBS shows copies, and only the transition's cursor can be seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infrafabric.adapters.sdk import Adapter, Call, Change, Host, Plan, Refuse

from .obs_state import ask, ask_each, named, short

AFTER_S = 0.3
"""How long after a transition's end OBS is given to swap program and preview."""
SETTLING_S = 2.0
"""How much of a transition the kernel watches by itself; what is longer is waited for here. Below its settle_s."""
STEP_S = 0.25
"""How often a running transition is looked at where OBS tells nothing."""
LONGEST_S = 21.0
"""OBS's longest transition takes 20 s."""
DEFAULT_MS = 300
"""The length of a scene's own transition where it names none."""
MOST_LOOKS = 12
"""Scenes whose contents are looked through to see what they contain."""

SWITCHES = ("program", "program_in_studio_mode")

Own = dict[str, Any]
"""A scene's own transition, as OBS takes it: `transitionName` and `transitionDuration`, null where it has none."""


class Scene(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        if "scene" not in intent and ("transition" in intent or "duration_ms" in intent or "also_on_air" in intent):
            raise Refuse("a transition, its length and also_on_air say how a scene comes on: name the scene")
        now = await _look(host, intent)
        studio = intent.get("studio_mode", now.preview is not None)
        if "preview" in intent and not studio:
            raise Refuse("studio mode is off, so OBS has no preview; ask for it with studio_mode")
        scene = named("scene", intent["scene"], now.scenes) if "scene" in intent else now.program
        preview = named("scene", intent["preview"], now.scenes) if "preview" in intent else now.preview
        seen: dict[str, Any] = {}
        take: list[Change] = []
        if "scene" in intent:
            seen |= now.shown()
            lent = await _lent(host, intent, scene)
            if lent is not None:
                seen["own_transition"] = lent[0]
            if now.shown() != {"program": scene}:
                take = _take(now, scene, lent)
        if "studio_mode" in intent:
            seen["studio_mode"] = now.preview is not None
        if now.preview is not None:
            seen["preview"] = now.preview
        return Plan(_ordered(now, take, preview, studio), observed=seen)

    async def apply(self, plan: Plan, host: Host, dry_run: bool = False) -> None:
        left = 0.0
        for change in plan:
            if change.effect in SWITCHES and not dry_run:
                await _until_still(host)
                left = await _length_s(host, change.args["sceneName"])
            elif change.effect in ("preview", "studio_mode") and left:
                await host.wait(left + AFTER_S)  # OBS swaps program and preview when a transition ends
                left = 0.0
            await host.perform(change)
        if left > SETTLING_S:
            await host.wait(left - SETTLING_S)


@dataclass(frozen=True)
class _Now:
    """What OBS shows."""

    scenes: list[str]
    program: str
    preview: "str | None"
    """None while studio mode is off."""
    on_air: "list[str] | None"
    """Scenes on air other than the program scene and what it contains; None where that cannot be told."""
    moving: bool

    def shown(self) -> dict[str, Any]:
        """The program as JSON: only its scene where that is all there is on air."""
        seen: dict[str, Any] = {"program": self.program}
        if self.on_air:
            seen["also_on_air"] = self.on_air
        elif self.moving:
            seen["in_transition"] = True
        return seen


async def _look(host: Host, intent: Mapping[str, Any]) -> _Now:
    listed = await ask(host, "scenes")
    scenes = [scene["sceneName"] for scene in reversed(listed["scenes"])]
    program, preview = listed["currentProgramSceneName"], listed["currentPreviewSceneName"]
    if "scene" not in intent:
        return _Now(scenes, program, preview, None, False)
    moving = (await ask(host, "cursor")).get("transitionCursor", 1.0) < 1.0
    if preview is not None:
        return _Now(scenes, program, preview, None, moving)
    active = await ask_each(host, "on_air", sourceName=scenes)
    others = {name for name, seen in zip(scenes, active, strict=True) if seen.get("videoActive")} - {program}
    others -= set(intent.get("also_on_air", ()))
    if others:
        others -= await _contained(host, program)
    return _Now(scenes, program, preview, sorted(others), moving)


async def _contained(host: Host, scene: str) -> set[str]:
    """Names of the scenes that `scene` contains, at any depth."""
    found: set[str] = set()
    ahead = [("items", scene)]
    for _ in range(MOST_LOOKS):
        if not ahead:
            break
        effect, name = ahead.pop(0)
        for item in (await ask(host, effect, sceneName=name))["sceneItems"]:
            if item["sourceType"] == "OBS_SOURCE_TYPE_SCENE" and item["sourceName"] not in found:
                found.add(item["sourceName"])
                ahead.append(("group_items" if item["isGroup"] else "items", item["sourceName"]))
    return found


async def _own(host: Host, scene: str) -> Own:
    own = await ask(host, "own_transition", sceneName=scene)
    return {name: own.get(name) for name in ("transitionName", "transitionDuration")}


async def _lent(host: Host, intent: Mapping[str, Any], scene: str) -> "tuple[Own, Own] | None":
    """The scene's own transition, and the one that it is to come on by; None where these are the same."""
    if "transition" not in intent and "duration_ms" not in intent:
        return None
    own = await _own(host, scene)
    wanted = await _wanted(host, intent, own)
    return None if wanted == own else (own, wanted)


async def _wanted(host: Host, intent: Mapping[str, Any], own: Own) -> Own:
    listed = await ask(host, "transitions")
    fixed = {item["transitionName"]: item["transitionFixed"] for item in listed["transitions"]}
    named_now = own["transitionName"] or listed["currentSceneTransitionName"]
    name = named("transition", intent.get("transition", named_now), fixed)
    if fixed[name] and "duration_ms" in intent:
        raise Refuse(f"the transition {short(name)} has a length of its own; leave out duration_ms")
    if fixed[name]:
        return {"transitionName": name, "transitionDuration": own["transitionDuration"]}
    length = intent.get("duration_ms", own["transitionDuration"])
    if length is None:
        length = (await ask(host, "transition")).get("transitionDuration") or DEFAULT_MS
    return {"transitionName": name, "transitionDuration": length}


def _take(now: _Now, scene: str, lent: "tuple[Own, Own] | None") -> list[Change]:
    """The changes that bring the scene on: its own transition set, the switch, its own transition as it was."""
    effect = SWITCHES[now.preview is not None]
    switch = Change(
        effect,
        {"sceneName": scene},
        before=now.shown(),
        after={"program": scene},
        inverse=Call(effect, {"sceneName": now.program}),
        summary=f"from {short(now.program)} to {short(scene)}",
    )
    if lent is None:
        return [switch]
    own, wanted = lent
    length = f" in {wanted['transitionDuration']} ms" if wanted["transitionDuration"] else ""
    lend, back = (
        Change(
            "own_transition_set",
            {"sceneName": scene, **after},
            before={"own_transition": before},
            after={"own_transition": after},
            inverse=Call("own_transition_set", {"sceneName": scene, **before}),
            summary=summary,
        )
        for before, after, summary in (
            (own, wanted, f"{short(scene)} comes by {short(wanted['transitionName'])}{length}"),
            (wanted, own, f"{short(scene)} gets its own transition back"),
        )
    )
    return [lend, switch, back]


def _ordered(now: _Now, take: list[Change], preview: "str | None", studio: bool) -> list[Change]:
    """The switch among what concerns the preview. Nothing alters the preview but the intent: OBS swaps it with the
    program, so it is set again afterwards; and set first to what it is, so that an undo ends by setting it so."""
    if now.preview is None:
        if not studio:
            return take
        changes = [*take, _studio_mode(True)]
        return changes if preview is None else [*changes, _preview(None, preview)]
    kept = _preview(now.preview, now.preview)
    if not studio:
        return [kept, *take, _studio_mode(False)]
    assert preview is not None
    if take:
        return [kept, *take, _preview(now.preview, preview)]
    return [] if preview == now.preview else [_preview(now.preview, preview)]


def _preview(before: "str | None", after: str) -> Change:
    return Change(
        "preview",
        {"sceneName": after},
        before={"preview": before},
        after={"preview": after},
        inverse=Call("preview", {"sceneName": after if before is None else before}),
        summary=f"keep {short(after)} on preview" if before == after else f"preview {short(after)}",
    )


def _studio_mode(on: bool) -> Change:
    return Change(
        "studio_mode",
        {"studioModeEnabled": on},
        before={"studio_mode": not on},
        after={"studio_mode": on},
        inverse=Call("studio_mode", {"studioModeEnabled": not on}),
        summary=f"studio mode {'on' if on else 'off'}",
    )


async def _until_still(host: Host) -> None:
    """Let a transition that is under way end: in studio mode OBS ignores a switch until then, and says it took it."""
    waited = 0.0
    while waited < LONGEST_S and (await ask(host, "cursor")).get("transitionCursor", 1.0) < 1.0:
        waited += await host.news(STEP_S)


async def _length_s(host: Host, scene: str) -> float:
    """How long OBS's switch to the scene will take, in seconds; 0 where it does not say."""
    own = await _own(host, scene)
    if own["transitionName"] is None:
        return float((await ask(host, "transition")).get("transitionDuration") or 0) / 1000
    listed = (await ask(host, "transitions"))["transitions"]
    if any(item["transitionName"] == own["transitionName"] and item["transitionFixed"] for item in listed):
        return 0.0
    return float(own["transitionDuration"] or DEFAULT_MS) / 1000
