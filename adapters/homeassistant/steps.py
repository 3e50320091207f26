"""Steps: what one entity lacks, and how the steps of many entities become few changes.

Home Assistant takes a list of entities with one service call. Steps with the same effect and the same arguments are
therefore one change. Its inverse is one call too: where the entities were different before, `restore`, which is
Home Assistant's `scene.apply` with each entity's former state. What carries a hazard is never restored that way: its
steps are told apart by their inverses instead, so that an undo names the service that it calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from infrafabric.adapters.sdk import Call, Change

from .house import Entity, listed

ORDER = (
    "lock_lock", "lock_unlock", "alarm_arm_home", "alarm_arm_away", "alarm_arm_night", "alarm_arm_vacation",
    "alarm_disarm", "cover_close", "cover_open", "cover_position", "cover_tilt", "switch_off", "switch_on",
    "boolean_off", "boolean_on", "number_set", "select_option", "text_set", "datetime_set", "date_set", "time_set",
    "light_off", "light_on", "fan_off", "fan_on", "fan_preset", "fan_percentage", "fan_oscillate", "fan_direction",
    "climate_mode", "climate_preset", "climate_fan", "climate_swing", "climate_humidity", "climate_temperature",
    "climate_range", "media_off", "media_on", "media_source", "media_sound_mode", "media_volume", "media_mute",
    "media_stop", "media_pause", "media_play",
)  # fmt: skip
"""Effects in the order in which they are performed: what one step sets back (a preset a temperature) comes before."""


class Step:
    """One service call for one entity, without the entity's id."""

    def __init__(
        self,
        effect: str,
        args: Mapping[str, Any] | None = None,
        *,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        inverse: tuple[str, Mapping[str, Any]] | None,
        former: Mapping[str, Any] | None = None,
    ) -> None:
        self.effect = effect
        self.args = dict(args or {})
        self.before, self.after = dict(before), dict(after)
        self.inverse = inverse
        """Effect and arguments, again without the entity's id."""
        self.former = former
        """The entity's state as `scene.apply` takes it; None where `restore` must not be used."""

    @property
    def key(self) -> str:
        """Equal for steps that one call can do."""
        return json.dumps([self.effect, self.args, self.inverse if self.former is None else None], sort_keys=True)


def former(entity: Entity, *attributes: str) -> dict[str, Any]:
    """The entity's state with those of the attributes that it has, as `scene.apply` takes it."""
    values = {name: entity.attributes[name] for name in attributes if entity.attributes.get(name) is not None}
    return {"state": entity.state, **values}


def changes(wanted: Iterable[tuple[Entity, Iterable[Step]]]) -> list[Change]:
    """As few changes as the steps allow, in `ORDER`."""
    groups: dict[str, list[tuple[Entity, Step]]] = {}
    for entity, steps in wanted:
        for step in steps:
            groups.setdefault(step.key, []).append((entity, step))
    in_order = sorted(groups.values(), key=lambda group: ORDER.index(group[0][1].effect))
    return [_change(group) for group in in_order]


def _change(group: list[tuple[Entity, Step]]) -> Change:
    step = group[0][1]
    ids = sorted(entity.id for entity, _ in group)
    said = ", ".join(f"{name} {_brief(value)}" for name, value in step.args.items())
    return Change(
        step.effect,
        {"entity_id": ids, **step.args},
        before={entity.id: step.before for entity, step in group},
        after={entity.id: step.after for entity, step in group},
        inverse=_inverse(group, ids),
        summary=f"{step.effect.replace('_', ' ')}{': ' if said else ''}{said} for {listed(ids)}"[:300],
    )


def _inverse(group: list[tuple[Entity, Step]], ids: list[str]) -> Call | None:
    inverses = [step.inverse for _, step in group]
    if any(inverse is None for inverse in inverses):
        return None
    first = inverses[0]
    if first is not None and all(inverse == first for inverse in inverses):
        return Call(first[0], {"entity_id": ids, **first[1]})
    return Call("restore", {"entities": {entity.id: dict(step.former or {}) for entity, step in group}})


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"
