"""The house as Home Assistant tells of it: entities with their states, found by id or by name.

A state is text beside attributes. `unavailable` (the integration cannot reach the device) and `unknown` (it never said)
are no states to compare with: an entity in one of them is refused, in words.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from infrafabric.adapters.sdk import EffectError, Host, Refuse

SILENT = {
    "unavailable": "is unavailable: Home Assistant does not reach it now",
    "unknown": "is unknown: Home Assistant was never told how it is",
}
MOST_NAMED = 5
FEW = 4


class Entity:
    """One entity. Whatever the peer left out or wrote otherwise than its documents say reads as absent."""

    def __init__(self, shape: Mapping[str, Any]) -> None:
        self.id: str = shape["entity_id"]
        self.domain = self.id.partition(".")[0]
        self.state: str = shape["state"]
        self.attributes: Mapping[str, Any] = shape.get("attributes") or {}

    @property
    def name(self) -> str:
        return str(self.attributes.get("friendly_name") or self.id)

    def supports(self, feature: int) -> bool:
        """Whether `supported_features` has that bit."""
        features = self.attributes.get("supported_features")
        return isinstance(features, int) and features & feature == feature

    def number(self, name: str) -> float | None:
        value = self.attributes.get(name)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def text(self, name: str) -> str | None:
        value = self.attributes.get(name)
        return value if isinstance(value, str) else None

    def flag(self, name: str) -> bool | None:
        value = self.attributes.get(name)
        return value if isinstance(value, bool) else None

    def listed(self, name: str) -> list[str]:
        """A list attribute's texts, such as `effect_list`."""
        value = self.attributes.get(name)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def numbers(self, name: str) -> list[float] | None:
        """A list of numbers, such as `hs_color`."""
        value = self.attributes.get(name)
        if isinstance(value, list) and value and all(isinstance(item, (int, float)) for item in value):
            return list(value)
        return None

    def choose(self, wanted: str, list_name: str, what: str) -> None:
        """Refuse what is not in the entity's list of choices."""
        choices = self.listed(list_name)
        if wanted not in choices:
            offered = ", ".join(map(repr, choices[:20])) if choices else "none"
            raise Refuse(f"{self.id} has no {what} {wanted!r}{hint(wanted, choices)} (it has {offered})")

    def require(self, feature: int, what: str) -> None:
        if not self.supports(feature):
            raise Refuse(f"{self.id} ({self.name}) cannot do that: it has no {what}")

    def within(self, value: float, low: float | None, high: float | None, what: str) -> None:
        """Refuse what lies outside the entity's own bounds, which Home Assistant would clamp or deny."""
        if (low is not None and value < low) or (high is not None and value > high):
            raise Refuse(f"{self.id} takes a {what} from {_shown(low)} to {_shown(high)}, not {_shown(value)}")


class House:
    """What was read of the house."""

    def __init__(self, states: Iterable[Mapping[str, Any]]) -> None:
        self._by_id: dict[str, Entity] = {}
        for shape in states:
            entity = Entity(shape)
            self._by_id[entity.id] = entity

    def get(self, wanted: str) -> Entity | None:
        """The entity of that id, or the one of that name. Raises Refuse where several have the name."""
        found = self._by_id.get(wanted)
        if found is not None:
            return found
        named = sorted(entity.id for entity in self._by_id.values() if entity.name == wanted)
        if len(named) > 1:
            raise Refuse(f"{wanted!r} is the name of {listed(named)}; say which by its id")
        return self._by_id[named[0]] if named else None

    def unknown(self, wanted: str) -> str:
        """What to say of an entity that is not there, with what is near."""
        near = hint(wanted, [*self._by_id, *(entity.name for entity in self._by_id.values())])
        return f"Home Assistant has no entity {wanted!r}{near}"


def heard(entity: Entity) -> Entity:
    """The entity, provided it has a state. Raises Refuse."""
    if entity.state in SILENT:
        raise Refuse(f"{entity.id} {SILENT[entity.state]}")
    return entity


def is_id(text: str) -> bool:
    domain, dot, name = text.partition(".")
    return bool(dot) and all(part and part.replace("_", "a").isalnum() and part.isascii() for part in (domain, name))


async def read_house(host: Host, wanted: Iterable[str], *, rest: bool = False) -> House:
    """The entities in `wanted`, by id or name. Raises Refuse for one that is not there.

    Names take a look at all states. `rest`: the REST API gives one state or all, so a few ids are read one by one.
    """
    names = sorted(wanted)
    ids = names if all(map(is_id, names)) else None
    if rest:
        states = await (_one_by_one(host, names) if ids is not None and len(names) <= FEW else _all(host))
    else:
        states = await (_all(host) if ids is None else _some(host, ids))
    house = House(states)
    missing = [name for name in names if house.get(name) is None]
    if missing and ids is not None:
        house = House(await _all(host))
    for name in missing:
        if house.get(name) is None:
            raise Refuse(house.unknown(name) + await _starting(host))
    return house


async def _all(host: Host) -> list[Any]:
    return items((await host.read("states")).json(), "entity_id")


async def _some(host: Host, ids: list[str]) -> list[Any]:
    return items((await host.read("states", entity_ids=ids)).json(), "entity_id")


async def _one_by_one(host: Host, ids: list[str]) -> list[Any]:
    found = []
    for entity_id in ids:
        answer = await host.read("state", check=False, entity_id=entity_id)
        if answer.ok:
            found.extend(items([answer.json()], "entity_id"))
        elif answer.status != 404:
            raise EffectError(answer.code, answer.problem, answer.value)
    return found


async def _starting(host: Host) -> str:
    """Why an entity may be missing that will be there in a moment; "" where that is not why."""
    answer = await host.read("config", check=False)
    config = result(answer.json()) if answer.ok else None
    state = config.get("state", "RUNNING") if isinstance(config, dict) else "RUNNING"
    return "" if state == "RUNNING" else f"; Home Assistant is {str(state)[:20]} and may not have loaded it yet"


def result(value: Any) -> Any:
    """What a reply carries: over the websocket `{"reply": {"result": …}}`, over REST the value itself."""
    reply = value.get("reply") if isinstance(value, dict) else None
    return reply.get("result") if isinstance(reply, dict) else value


def items(value: Any, key: str) -> list[Any]:
    """The objects of a reply that is a list of them, or of a view. Raises Refuse for anything else."""
    found = result(value)
    if isinstance(found, dict) and isinstance(found.get("items"), dict):
        found = [item for item in found["items"].values() if item is not None]
    if not isinstance(found, list) or not all(
        isinstance(item, dict) and isinstance(item.get(key), str) for item in found
    ):
        raise Refuse("what answers there is not Home Assistant: it did not send what it was asked for")
    return found


def hint(wanted: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing."""
    unique = list(dict.fromkeys(known))
    folded = [name for name in unique if name.casefold() == wanted.casefold()]
    near = list(dict.fromkeys([*folded, *difflib.get_close_matches(wanted, unique, 3, 0.6)]))[:3]
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def listed(names: list[str]) -> str:
    """`a, b and 98 more`."""
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMED - 1])} and {len(names) - MOST_NAMED + 1} more"


def _shown(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"
