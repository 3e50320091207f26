"""Covers, locks and alarms: what lets people in. None of it goes through `restore`, so that hazards stay in sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Refuse

from .house import Entity
from .steps import Step

POSITION = 2
"""Of 100: motors stop within a step or two of where they were sent."""
OPEN, CLOSE, SET_POSITION, SET_TILT = 1, 2, 4, 128
AT_REST = ("open", "closed")
ARMED = {"armed_home": ("alarm_arm_home", 1), "armed_away": ("alarm_arm_away", 2),
         "armed_night": ("alarm_arm_night", 4), "armed_vacation": ("alarm_arm_vacation", 32)}  # fmt: skip
"""State → effect and the feature that it needs."""


def cover_seen(cover: Entity) -> dict[str, Any]:
    found: dict[str, Any] = {"state": cover.state}
    if cover.state in AT_REST:  # while it moves, where it is moves by itself
        for field, attribute in (("position", "current_position"), ("tilt_position", "current_tilt_position")):
            if (value := cover.number(attribute)) is not None:
                found[field] = round(value)
    return found


def cover_steps(cover: Entity, wish: Mapping[str, Any]) -> list[Step]:
    """`open` is Home Assistant's word: not closed. How far is `position`, 100 being open."""
    position = wish.get("position")
    state = wish.get("state")
    if position is not None and state is not None and (state == "closed") != (position == 0):
        raise Refuse(f"{cover.id} cannot be {state} at position {position}")
    found: list[Step] = []
    if position is not None:
        cover.require(SET_POSITION, "position that could be set")
        now = _position(cover)
        if cover.state not in AT_REST or now is None or abs(now - position) > POSITION:
            found.append(Step("cover_position", {"position": position}, before=_known(cover, now),
                              after={"position": position}, inverse=_back(cover)))  # fmt: skip
    elif state == "open" and cover.state != "open":
        cover.require(OPEN, "way to be opened")
        found.append(Step("cover_open", before={"state": cover.state}, after={"state": "open"}, inverse=_back(cover)))
    elif state == "closed" and cover.state != "closed":
        cover.require(CLOSE, "way to be closed")
        before = _known(cover, _position(cover))
        found.append(Step("cover_close", before=before, after={"state": "closed"}, inverse=_back(cover)))
    tilt = wish.get("tilt_position")
    if tilt is not None:
        cover.require(SET_TILT, "tilt that could be set")
        now = cover.number("current_tilt_position")
        if now is None or abs(now - tilt) > POSITION:
            inverse = None if now is None else ("cover_tilt", {"tilt_position": round(now)})
            before = {} if now is None else {"tilt_position": round(now)}
            found.append(Step("cover_tilt", {"tilt_position": tilt}, before=before, after={"tilt_position": tilt},
                              inverse=inverse))  # fmt: skip
    return found


def _position(cover: Entity) -> float | None:
    position = cover.number("current_position")
    return 0.0 if position is None and cover.state == "closed" else position


def _known(cover: Entity, position: float | None) -> dict[str, Any]:
    if cover.number("current_position") is None or cover.state not in AT_REST or position is None:
        return {"state": cover.state}
    return {"state": cover.state, "position": round(position)}


def _back(cover: Entity) -> tuple[str, Mapping[str, Any]] | None:
    if cover.state in ("closed", "closing"):
        return ("cover_close", {}) if cover.supports(CLOSE) else None
    position = cover.number("current_position")
    if position is not None and cover.supports(SET_POSITION) and cover.state == "open":
        return ("cover_position", {"position": round(position)})
    return ("cover_open", {}) if cover.supports(OPEN) else None


def lock_steps(lock: Entity, wish: Mapping[str, Any]) -> list[Step]:
    state = wish["state"]
    if lock.state == state:
        return []
    if lock.state == "jammed":
        raise Refuse(f"{lock.id} ({lock.name}) is jammed: someone has to look at it")
    if lock.text("code_format"):
        raise Refuse(f"{lock.id} ({lock.name}) asks for a code, which this capability does not carry")
    effect, back = ("lock_lock", "lock_unlock") if state == "locked" else ("lock_unlock", "lock_lock")
    return [Step(effect, before={"state": lock.state}, after={"state": state}, inverse=(back, {}))]


def alarm_steps(alarm: Entity, wish: Mapping[str, Any]) -> list[Step]:
    state = wish["state"]
    if alarm.state == state:
        return []
    if alarm.state in ("triggered", "pending"):
        raise Refuse(f"{alarm.id} ({alarm.name}) is {alarm.state}: whoever answers for the house sees to that")
    code = alarm.text("code_format") is not None
    if code and (state == "disarmed" or alarm.flag("code_arm_required") is not False):
        raise Refuse(f"{alarm.id} ({alarm.name}) asks for a code, which this capability does not carry")
    if state == "disarmed":
        back = ARMED.get(alarm.state)
        return [Step("alarm_disarm", before={"state": alarm.state}, after={"state": state},
                     inverse=None if back is None else (back[0], {}))]  # fmt: skip
    effect, feature = ARMED[state]
    alarm.require(feature, f"way to be {state.replace('_', ' ')}")
    back = ARMED.get(alarm.state)
    inverse: tuple[str, Mapping[str, Any]] = ("alarm_disarm", {}) if back is None else (back[0], {})
    return [Step(effect, before={"state": alarm.state}, after={"state": state}, inverse=inverse)]
