"""Switches and input helpers: one value each."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Refuse

from .house import Entity
from .steps import Step, former

EXACT = 1e-6
"""Numbers go through the state's text and back."""


def value_seen(helper: Entity) -> dict[str, Any]:
    return {"state": helper.state}


def switch_steps(switch: Entity, wish: Mapping[str, Any]) -> list[Step]:
    """Of a switch or an input_boolean."""
    state = wish["state"]
    if switch.state == state:
        return []
    kind = "switch" if switch.domain == "switch" else "boolean"
    return [Step(f"{kind}_{state}", before={"state": switch.state}, after={"state": state},
                 inverse=(f"{kind}_{switch.state}", {}))]  # fmt: skip


def number_steps(helper: Entity, wish: Mapping[str, Any]) -> list[Step]:
    wanted = wish["value"]
    helper.within(wanted, helper.number("min"), helper.number("max"), "value")
    try:
        now = float(helper.state)
    except ValueError:
        raise Refuse(f"{helper.id} is {helper.state[:40]!r}, which is no number") from None
    if abs(now - wanted) <= EXACT:
        return []
    return [_set(helper, "number_set", "value", wanted, now)]


def select_steps(helper: Entity, wish: Mapping[str, Any]) -> list[Step]:
    wanted = wish["option"]
    helper.choose(wanted, "options", "option")
    return [] if helper.state == wanted else [_set(helper, "select_option", "option", wanted, helper.state)]


def text_steps(helper: Entity, wish: Mapping[str, Any]) -> list[Step]:
    wanted: str = wish["text"]
    low, high = helper.number("min") or 0, helper.number("max")
    if len(wanted) < low or (high is not None and len(wanted) > high):
        raise Refuse(f"{helper.id} takes {low:g} to {high or 255:g} characters, not {len(wanted)}")
    return [] if helper.state == wanted else [_set(helper, "text_set", "value", wanted, helper.state)]


def datetime_steps(helper: Entity, wish: Mapping[str, Any]) -> list[Step]:
    wanted: str = wish["datetime"]
    has_date, has_time = helper.flag("has_date") is True, helper.flag("has_time") is True
    field = "datetime" if has_date and has_time else "date" if has_date else "time"
    form = {"datetime": "YYYY-MM-DD HH:MM:SS", "date": "YYYY-MM-DD", "time": "HH:MM:SS"}[field]
    whole = _moment(wanted, field)
    if whole is None:
        raise Refuse(f"{helper.id} takes a {field} as {form}, not {wanted!r}")
    return [] if helper.state == whole else [_set(helper, f"{field}_set", field, whole, helper.state)]


def _moment(text: str, field: str) -> str | None:
    """As Home Assistant writes it; None for what is none. Seconds may be left out, and `T` may stand for the space."""
    filled = re.sub(r"^(.*\d\d:\d\d)$", r"\1:00", text.replace("T", " "))
    try:
        if field == "date":
            return datetime.date.fromisoformat(filled).isoformat()
        if field == "time":
            return datetime.time.fromisoformat(filled).isoformat("seconds")
        return datetime.datetime.fromisoformat(filled).isoformat(" ", "seconds") if " " in filled else None
    except ValueError:
        return None


def _set(helper: Entity, effect: str, field: str, wanted: Any, now: Any) -> Step:
    return Step(effect, {field: wanted}, before={field: now}, after={field: wanted}, inverse=(effect, {field: now}),
                former=former(helper))  # fmt: skip
