"""obs.source: a source in OBS: whether a scene shows it, its text, its settings, its mute and its volume.

A setting is compared with what is in effect: what was set, and the defaults of the input's kind where nothing was. An
inverse sets the former values; where there was none, it puts back all that was set before, since OBS can remove a
single setting in no other way.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Adapter, Call, Change, EffectError, Host, Plan, Refuse

from .obs_state import ask, named, short

DB_STEP = 0.005
"""Volumes nearer to each other than this are the same, in decibels."""
MUL_STEP = 1e-6
"""The same for multipliers, which OBS keeps as 32 bit floats."""


class Source(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        source = intent["source"]
        if ("visible" in intent) != ("scene" in intent) or ("item" in intent and "visible" not in intent):
            raise Refuse("visible needs the scene whose item is meant, and scene and item go with visible only")
        if "volume" in intent and "volume_db" in intent:
            raise Refuse("volume and volume_db are the same fader: name one")
        if "text" in intent and "text" in intent.get("settings", {}):
            raise Refuse("text and settings both give the text: name one")
        changes: list[Change] = []
        seen: dict[str, Any] = {"source": source}
        if "visible" in intent:
            await _visible(host, intent, changes, seen)
        if {"text", "settings", "muted", "volume", "volume_db"} & set(intent):
            inputs = (await ask(host, "inputs"))["inputs"]
            kinds = {item["inputName"]: item["unversionedInputKind"] for item in inputs}
            kind = kinds[named("input", source, kinds)]
            if "text" in intent and not kind.startswith("text_"):
                raise Refuse(f"{short(source)} is no text source but a {kind}")
            if {"text", "settings"} & set(intent):
                await _settings(host, intent, changes, seen)
            if "muted" in intent:
                await _muted(host, source, intent["muted"], changes, seen)
            if {"volume", "volume_db"} & set(intent):
                await _volume(host, intent, changes, seen)
        return Plan(changes, observed=seen)


async def _visible(host: Host, intent: Mapping[str, Any], changes: list[Change], seen: dict[str, Any]) -> None:
    scene, source, wanted = intent["scene"], intent["source"], intent["visible"]
    scenes = [item["sceneName"] for item in reversed((await ask(host, "scenes"))["scenes"])]
    groups = (await ask(host, "groups"))["groups"]
    where = named("scene or group", scene, [*scenes, *groups])
    items = (await ask(host, "group_items" if where in groups else "items", sceneName=where))["sceneItems"]
    named(f"source in {short(where)}", source, dict.fromkeys(item["sourceName"] for item in items))
    found = [item for item in items if item["sourceName"] == source]
    if "item" in intent:
        found = [item for item in found if item["sceneItemId"] == intent["item"]]
    if len(found) != 1:
        there = ", ".join(str(item["sceneItemId"]) for item in items if item["sourceName"] == source)
        raise Refuse(f"{short(source)} is in {short(where)} as item {there}: say which one with item")
    now, number = found[0]["sceneItemEnabled"], found[0]["sceneItemId"]
    seen["item"] = {"scene": where, "item": number, "visible": now}
    if now != wanted:
        here = {"sceneName": where, "sceneItemId": number}
        changes.append(
            Change(
                "show",
                {**here, "sceneItemEnabled": wanted},
                before={"visible": now},
                after={"visible": wanted},
                inverse=Call("show", {**here, "sceneItemEnabled": now}),
                summary=f"{'show' if wanted else 'hide'} {short(source)} in {short(where)}",
            )
        )


async def _settings(host: Host, intent: Mapping[str, Any], changes: list[Change], seen: dict[str, Any]) -> None:
    source = intent["source"]
    wanted = dict(intent.get("settings", {}))
    if "text" in intent:
        wanted["text"] = intent["text"]
    answer = await ask(host, "settings", inputName=source)
    given = answer["inputSettings"] or {}
    defaults = (await ask(host, "defaults", inputKind=answer["inputKind"]))["defaultInputSettings"] or {}
    now = {name: _merged(defaults.get(name), given.get(name)) for name in wanted}
    seen["settings"] = now
    # An undo may put all settings back: it must not, where another hand has set others since. They may hold addresses
    # and keys, so that only their digest is kept.
    everything = json.dumps(_merged(defaults, given), sort_keys=True)
    seen["all_settings"] = hashlib.sha256(everything.encode()).hexdigest()
    differing = {name: value for name, value in wanted.items() if not _holds(now[name], value)}
    if not differing:
        return
    former = {name: now[name] for name in differing}
    if all(_names(former[name], value) for name, value in differing.items()):
        inverse = Call("set_settings", {"inputName": source, "inputSettings": former})
    else:
        inverse = Call("replace_settings", {"inputName": source, "inputSettings": dict(given)})
    text_alone = set(differing) == {"text"} and "text" in intent
    args = {"text": differing["text"]} if text_alone else {"inputSettings": differing}
    what = "the text" if text_alone else ", ".join(sorted(differing))
    changes.append(
        Change(
            "set_text" if text_alone else "set_settings",
            {"inputName": source, **args},
            before=former,
            after={name: _merged(former[name], value) for name, value in differing.items()},
            inverse=inverse,
            summary=f"set {what} of {short(source)}"[:300],
        )
    )


def _merged(under: Any, over: Any) -> Any:
    """What is in effect where `over` is laid over `under`, as OBS does it: objects member by member."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {name: _merged(under.get(name), over.get(name)) for name in {**under, **over}}
    return under if over is None else over


def _holds(now: Any, wanted: Any) -> bool:
    """Whether `wanted` is in effect; of objects, whether its members are."""
    if isinstance(now, dict) and isinstance(wanted, dict):
        return all(_holds(now.get(name), value) for name, value in wanted.items())
    return type(now) is type(wanted) and now == wanted or _number(now) and _number(wanted) and now == wanted


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _names(former: Any, wanted: Any) -> bool:
    """Whether setting `former` over `wanted` leaves nothing of `wanted`: it has a value wherever that has one."""
    if isinstance(wanted, dict):
        return isinstance(former, dict) and all(_names(former.get(name), value) for name, value in wanted.items())
    return former is not None


async def _muted(host: Host, source: str, wanted: bool, changes: list[Change], seen: dict[str, Any]) -> None:
    now = (await _audio(host, "mute", source))["inputMuted"]
    seen["muted"] = now
    if now != wanted:
        changes.append(
            Change(
                "set_mute",
                {"inputName": source, "inputMuted": wanted},
                before={"muted": now},
                after={"muted": wanted},
                inverse=Call("set_mute", {"inputName": source, "inputMuted": now}),
                summary=f"{'mute' if wanted else 'unmute'} {short(source)}",
            )
        )


async def _volume(host: Host, intent: Mapping[str, Any], changes: list[Change], seen: dict[str, Any]) -> None:
    source = intent["source"]
    answer = await _audio(host, "volume", source)
    mul, db = answer["inputVolumeMul"], answer["inputVolumeDb"]
    seen["volume"] = round(mul, 6)
    if "volume_db" in intent:
        effect, field, wanted, now = "set_volume_db", "volume_db", intent["volume_db"], db
        differs = abs(now - wanted) >= DB_STEP
        args, said = {"inputVolumeDb": wanted}, f"{wanted:g} dB"
    else:
        effect, field, wanted, now = "set_volume", "volume", intent["volume"], mul
        differs = abs(now - wanted) >= MUL_STEP * max(1.0, abs(wanted))
        args, said = {"inputVolumeMul": wanted}, f"{wanted:g}"
    if differs:
        changes.append(
            Change(
                effect,
                {"inputName": source, **args},
                before={field: round(now, 4)},
                after={field: round(wanted, 4)},
                inverse=Call("set_volume", {"inputName": source, "inputVolumeMul": mul}),
                summary=f"volume of {short(source)} to {said}",
            )
        )


async def _audio(host: Host, effect: str, source: str) -> Mapping[str, Any]:
    try:
        return await ask(host, effect, inputName=source)
    except EffectError as error:
        if error.code == "IF_ERR_TARGET_STATUS":
            raise Refuse(f"{short(source)} has no audio") from None
        raise
