"""Media players: on, off, playing, paused; volume, mute, source, sound mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Refuse

from .house import Entity
from .steps import Step

VOLUME = 0.015
"""Of 1: devices keep 30 to 100 steps; within one of a hundred, and half of one more, it is the same."""
PAUSE, SET_VOLUME, MUTE, TURN_ON, TURN_OFF, SOURCE, STOP, PLAY, SOUND_MODE = (
    1, 4, 8, 128, 256, 2048, 4096, 16384, 65536,
)  # fmt: skip
RUNNING = ("on", "idle", "playing", "paused", "buffering")
ACTS = {
    "on": ("media_on", TURN_ON, "way to be turned on"),
    "off": ("media_off", TURN_OFF, "way to be turned off"),
    "playing": ("media_play", PLAY, "way to be played"),
    "paused": ("media_pause", PAUSE, "way to be paused"),
    "idle": ("media_stop", STOP, "way to be stopped"),
}
FIELDS = {
    "source": ("media_source", SOURCE, "source"),
    "sound_mode": ("media_sound_mode", SOUND_MODE, "sound mode"),
    "volume_level": ("media_volume", SET_VOLUME, "volume that could be set"),
    "muted": ("media_mute", MUTE, "mute"),
}
ATTRIBUTES = {
    "source": "source",
    "sound_mode": "sound_mode",
    "volume_level": "volume_level",
    "muted": "is_volume_muted",
}


def seen(player: Entity) -> dict[str, Any]:
    """What plays and where it is move by themselves and stay out."""
    found: dict[str, Any] = {"state": player.state}
    for field in FIELDS:
        if (value := _now(player, field)) is not None:
            found[field] = value
    return found


def steps(player: Entity, wish: Mapping[str, Any]) -> list[Step]:
    state = wish.get("state")
    fields = [name for name in FIELDS if name in wish]
    off = player.state in ("off", "standby")
    if fields and (state == "off" or (off and state is None)):
        raise Refuse(f"{player.id} ({player.name}) is {'to be off' if state == 'off' else player.state}; "
                     f"{', '.join(fields)} can be set while it is on")  # fmt: skip
    found: list[Step] = []
    if off and state in ("on", "playing", "paused") and player.supports(TURN_ON):
        found.append(_act(player, "on"))
    for field in fields:
        effect, feature, what = FIELDS[field]
        if not off:  # players tell what they can only when they are on
            player.require(feature, what)
            if field in ("source", "sound_mode"):
                player.choose(wish[field], f"{field}_list", what)
        if off or not _has(player, field, wish[field]):
            now = _now(player, field)
            known = now is not None and not off
            argument = "is_volume_muted" if field == "muted" else field
            inverse: tuple[str, Mapping[str, Any]] | None = (effect, {argument: now}) if known else None
            if off:
                inverse = ("media_off", {})
            before = {field: now} if known else {"state": player.state}
            found.append(
                Step(effect, {argument: wish[field]}, before=before, after={field: wish[field]}, inverse=inverse)
            )
    if state is not None and not _is(player, state) and not (found and off and state == "on"):
        found.append(_act(player, state))
    return found


def _is(player: Entity, state: str) -> bool:
    return player.state in (RUNNING if state == "on" else ("off", "standby") if state == "off" else (state,))


def _act(player: Entity, state: str) -> Step:
    effect, feature, what = ACTS[state]
    if player.state not in ("off", "standby") or state in ("on", "off"):
        player.require(feature, what)
    return Step(effect, before={"state": player.state}, after={"state": state}, inverse=_back(player))


def _back(player: Entity) -> tuple[str, Mapping[str, Any]] | None:
    was = player.state if player.state in ACTS else {"standby": "off", "buffering": "playing"}.get(player.state, "on")
    effect, feature, _ = ACTS[was]
    if was in ("off", "standby") and not player.supports(feature):
        return None
    return (effect, {})


def _now(player: Entity, field: str) -> Any:
    value = player.attributes.get(ATTRIBUTES[field])
    return round(value, 3) if field == "volume_level" and isinstance(value, (int, float)) else value


def _has(player: Entity, field: str, wanted: Any) -> bool:
    now = _now(player, field)
    if field == "volume_level":
        return isinstance(now, (int, float)) and abs(now - wanted) <= VOLUME
    return bool(now == wanted)
