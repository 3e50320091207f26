"""Attempts that look at the plan alone: whether it can be taken back, reaches too far, or gives a secret away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

from infrafabric.kernel.canonical import dumps, loads
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.falsify.case import Case, Refuted
from infrafabric.kernel.results import is_reference
from infrafabric.kernel.words.plan import Call, Change

__all__ = ["blast_radius", "secret_scan", "undo"]


async def undo(case: Case) -> str:
    """Hold each inverse against the recorded state: it must alter the same thing back to what stood before.

    An inverse by another effect cannot be judged without the target; its record of before and after is all there is.
    """
    changes = case.planned.plan.changes
    for change in changes:
        if change.inverse is not None:
            _check_inverse(change, change.inverse)
    lasting = [change.id for change in changes if change.inverse is None]
    if lasting:
        return f"what has an inverse is restored; {', '.join(lasting)} cannot be undone"
    return f"undoing all {len(changes)} changes restores what was recorded"


def _check_inverse(change: Change, inverse: Call) -> None:
    if change.before == change.after or inverse.effect != change.effect or change.before is None:
        return
    before, after = set(_leaves(change.before)), set(_leaves(change.after))
    differing = {name for name in change.args if inverse.args.get(name) != change.args[name]}
    carried = {name for name in change.args if _leaf(change.args[name]) in after - before}
    if not differing and carried:
        raise Refuted(f"the inverse of {change.id} does the same once more, so it restores nothing")
    for name in sorted(differing):
        given, back = change.args[name], inverse.args.get(name)
        if is_reference(given) or is_reference(back) or _leaf(given) not in after:
            continue
        if _leaf(back) not in before:
            raise Refuted(
                f"the inverse of {change.id} sets {name} to {_short(back)}, and before it was {_short(change.before)}"
            )


async def blast_radius(case: Case) -> str:
    """Compare what the changes touch with what the intent names: siblings of what it names must stay untouched.

    What a target gives several names, such as an input's key, title and number, is named by any of them. Where a list
    of the intent has a text that is no sibling, such as an area beside entities, what it stands for is the adapter's to
    say, and nothing is refuted. Where nothing that is touched can be told from the intent, that is said.
    """
    intent = dict(case.journey.ask.intent)
    named, listed = set(map(str, _leaves(intent))), set(_listed(intent))
    called = {text.casefold() for text in _texts(intent)}
    families, things = _read(case)
    hit: set[str] = set()
    for change in case.planned.plan.changes:
        for value in sorted(_touched(change)):
            names = [name for name in things.names(value) if name.casefold() in called]
            hit |= {value} if value in named else set(names[:1])
        for value in sorted(_subjects(change)):
            if value in named or not called.isdisjoint(map(str.casefold, things.names(value))):
                continue
            family = next((one for one in families if value in one and one & named), None)
            if family is not None and not listed - family:
                raise Refuted(
                    f"{change.id} touches {value!r}, which the intent does not name beside {min(family & named)!r}"
                )
            sibling = None if _keeps(change) else things.sibling(value, called, listed)
            if sibling is not None:
                shown = next(iter(things.names(value)))
                raise Refuted(f"{change.id} touches {shown!r}, which the intent does not name beside {sibling!r}")
    if case.planned.plan.changes and not hit:
        return "could not be judged: nothing that the changes touch can be told from what the intent names"
    return f"the changes touch nothing beyond what the intent names ({', '.join(sorted(hit)[:5]) or 'nothing'})"


def _touched(change: Change) -> set[str]:
    """The texts in its arguments, also in lists there. Bare numbers are left out: they count too much."""
    items = [
        item for value in change.args.values() for item in (value if isinstance(value, (list, tuple)) else [value])
    ]
    return {item for item in items if isinstance(item, str) and not item.isdigit()}


def _subjects(change: Change) -> set[str]:
    """What a change is about: the texts in its arguments that its inverse has too; all, where that cannot be told."""
    inverse = change.inverse
    if inverse is None:
        return _touched(change)
    same = {name: value for name, value in change.args.items() if inverse.args.get(name) == value}
    return _touched(change.model_copy(update={"args": same}))


def _keeps(change: Change) -> bool:
    """Whether it sets once more what stands there, by its own word, as after a transition that would move it."""
    inverse = change.inverse
    return (
        inverse is not None
        and change.before == change.after
        and (inverse.effect, dict(inverse.args)) == (change.effect, dict(change.args))
    )


class _Things:
    """Lists of things in what was answered, each thing by all its names, the most telling first."""

    def __init__(self) -> None:
        self._lists: list[list[tuple[str, ...]]] = []

    def add(self, items: list[Mapping[str, Any]]) -> None:
        named = [names for item in items if (names := _names(item))]
        if len(named) > 1:
            self._lists.append(named)

    def names(self, name: str) -> list[str]:
        """All names of the things that are called `name`."""
        return list(dict.fromkeys(one for things in self._lists for names in things if name in names for one in names))

    def sibling(self, name: str, called: set[str], listed: set[str]) -> str | None:
        """What the intent calls a thing in one list with `name`; None where it names none, or lists others too."""
        for things in self._lists:
            if not any(name in names for names in things):
                continue
            found = sorted(one for names in things for one in names if one.casefold() in called)
            family = {one.casefold() for names in things for one in names}
            if found and {text.casefold() for text in listed} <= family:
                return found[0]
        return None


_NAMING = ("title", "name", "label", "shorttitle", "short_title", "number", "key", "id", "uuid", "guid")
"""Members that name the thing they belong to, in any case of letters, and not another one, as `area_id` would."""


def _names(item: Mapping[str, Any]) -> tuple[str, ...]:
    members = {name.lower(): value for name, value in item.items()}
    found = (members.get(name) for name in _NAMING)
    return tuple(
        dict.fromkeys(str(one) for one in found if isinstance(one, (str, int)) and one not in ("", True, False))
    )


def _read(case: Case) -> tuple[list[set[str]], _Things]:
    """Names that stand beside each other in what the adapter was answered, members of one object or the same field of
    a list's items; and the things in lists."""
    run = case.planned.run
    families: list[set[str]] = []
    things = _Things()
    if run is not None:
        for answer in run.answers:
            _gather(_opened(answer), families, things)
    return families, things


def _gather(value: Any, found: list[set[str]], things: _Things) -> None:
    if isinstance(value, Mapping):
        if len(value) > 1:
            found.append(set(map(str, value)))
        for item in value.values():
            _gather(item, found, things)
    elif isinstance(value, (list, tuple)):
        items = [item for item in value if isinstance(item, Mapping)]
        things.add(items)
        for name in {name for item in items for name in item}:
            texts = {item[name] for item in items if isinstance(item.get(name), str)}
            if len(texts) > 1:
                found.append(texts)
        texts = {item for item in value if isinstance(item, str)}
        if len(texts) > 1:
            found.append(texts)
        for item in value:
            _gather(item, found, things)


def _opened(value: Any) -> Any:
    """An answer with the JSON texts in it read, as http bodies are; of XML, a list of the elements of each name."""
    if isinstance(value, Mapping):
        return {name: _opened(item) for name, item in value.items()}
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return loads(value.encode(), limit=len(value.encode()))
        except FabricError:
            return value
    if isinstance(value, str) and value[:1] == "<":
        elements: dict[str, list[Any]] = {}
        for tag, attributes in _ELEMENT.findall(value):
            elements.setdefault(tag, []).append({name: unescape(text) for name, text in _ATTRIBUTE.findall(attributes)})
        return list(elements.values())
    return value


_ELEMENT = re.compile(r"<([\w:.-]{1,40})((?:\s{1,9}[\w:.-]{1,40}=\"[^\"<]*\")+)")
"""An element of XML with its attributes. No parser of XML reads what a target sent, in the kernel's process."""
_ATTRIBUTE = re.compile(r"([\w:.-]{1,40})=\"([^\"<]{1,200})\"")


_LIKE_SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an AWS access key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"),
    "a Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "a JSON Web Token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "an age key": re.compile(r"\bAGE-SECRET-KEY-1[0-9A-Z]{20,}"),
}


async def secret_scan(case: Case) -> str:
    """Look for secrets in all that the plan would show or send: those that are known here, and what looks like one."""
    journey, planned = case.journey, case.planned
    shown = {
        "the plan": planned.plan.as_json(),
        "the requests": list(planned.requests),
        "the intent": dict(journey.ask.intent),
        "the recorded run": planned.run.as_json() if planned.run is not None else {},
    }
    for where, value in shown.items():
        text = dumps(value).decode()
        if journey.holds_secret(text):
            raise Refuted(f"{where} holds a secret's value")
        for what, pattern in _LIKE_SECRETS.items():
            if pattern.search(text):
                raise Refuted(f"{where} holds what looks like {what}")
    return f"no known secret, and nothing that looks like one, in {', '.join(shown)}"


def _leaves(value: Any) -> Iterator[Any]:
    """The scalars in a value, and the names of its members."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from _leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    else:
        yield _leaf(value)


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value, and the names of its members but bare numbers."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not str(name).isdigit():
                yield str(name)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _listed(value: Any) -> Iterator[str]:
    """The texts that stand in lists."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _listed(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            if isinstance(item, str):
                yield item
            else:
                yield from _listed(item)


def _leaf(value: Any) -> Any:
    """A scalar that can be compared: true is not 1, and 1 and 1.0 are equal."""
    if isinstance(value, bool):
        return ("truth", value)
    return value if isinstance(value, (str, int, float)) else dumps(value).decode()


def _short(value: Any) -> str:
    text = dumps(value).decode()
    return text if len(text) <= 80 else f"{text[:80]}…"
