"""The log's fold: facts as the store keeps them, and how they are made again from stored bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry, Project
from infrafabric.kernel.words.entries import BODIES, Body, Fact, Kind
from infrafabric.witness.leaf import Leaf
from infrafabric.witness.store import Reader, Row, StoreDamaged, StoredFact

__all__ = [
    "KeptFacts",
    "StoreFacts",
    "body_bytes",
    "decode",
    "fold",
    "members_of",
    "project_facts",
    "stored_fact",
    "words",
]

FACTS_KEPT = 4_096
"""By `KeptFacts`: those of some hundred targets and talents, and of the actions under way."""
_SEARCHED = frozenset({"target", "talent", "grant", "role", "budget", "policy"})
"""Tables that `KeptFacts` also keeps as they were searched: the operators' own."""
_PLAIN = frozenset({str, bool, int})
_PLAIN_BODIES: dict[type[Body], bool] = {}
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER  # integers beyond 2^53-1 are refused


class StoreFacts:
    """Implements the kernel's port `Facts` over a reader of the calling thread."""

    def __init__(self, reader: Callable[[], Reader]) -> None:
        self._reader = reader

    def get(self, table: str, key: str) -> Any | None:
        """Raises IF_ERR_LOG_DAMAGED when the store cannot read it."""
        value = self.stored(table, key)
        try:
            return None if value is None else orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise _unreadable(table, error) from error

    def stored(self, table: str, key: str) -> bytes | None:
        """Raises IF_ERR_LOG_DAMAGED when the store cannot read it."""
        try:
            return self._reader().fact(table, key)
        except StoreDamaged as error:
            raise _unreadable(table, error) from error

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        """Raises IF_ERR_LOG_DAMAGED when the store cannot read them."""
        return _read(table, self._rows(table, prefix))

    def _rows(self, table: str, prefix: str) -> Sequence[tuple[str, bytes]]:
        try:
            return self._reader().facts(table, prefix)
        except StoreDamaged as error:
            raise _unreadable(table, error) from error


class KeptFacts(StoreFacts):
    """Facts of the process that writes the log, which keeps those that were asked for: nobody else changes them.

    Used in one thread, that of the loop. Whoever delivers a commit says what it changed before anyone is told of it.
    What operators set is also kept as it was searched for: it is searched for at every action, and seldom changes.
    """

    def __init__(self, reader: Callable[[], Reader]) -> None:
        super().__init__(reader)
        self._kept: dict[tuple[str, str], bytes | None] = {}
        self._found: dict[str, dict[str, Sequence[tuple[str, bytes]]]] = {table: {} for table in _SEARCHED}

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        found = self._found.get(table)
        if found is None:
            return super().scan(table, prefix)
        rows = found.get(prefix)
        if rows is None:
            rows = self._rows(table, prefix)
            if len(found) >= FACTS_KEPT:
                found.clear()
            found[prefix] = rows
        return _read(table, rows)

    def stored(self, table: str, key: str) -> bytes | None:
        pair = (table, key)
        if pair in self._kept:
            return self._kept[pair]
        value = super().stored(table, key)
        if len(self._kept) >= FACTS_KEPT:
            self._kept.clear()
        self._kept[pair] = value
        return value

    def changed(self, pairs: Iterable[tuple[str, str]] | None) -> None:
        """A commit set or removed these; None where it may have been any."""
        if pairs is None:
            self._kept.clear()
            for found in self._found.values():
                found.clear()
            return
        for pair in pairs:
            self._kept.pop(pair, None)
            if pair[0] in self._found:
                self._found[pair[0]].clear()


def _read(table: str, rows: Iterable[tuple[str, bytes]]) -> Sequence[tuple[str, Any]]:
    try:
        return [(key, orjson.loads(value)) for key, value in rows]
    except orjson.JSONDecodeError as error:
        raise _unreadable(table, error) from error


def _unreadable(table: str, error: Exception) -> FabricError:
    return FabricError(Code.LOG_DAMAGED, f"the facts {table} cannot be read: {error}")


def project_facts(project: Project, entry: Entry, index: int, at: str) -> list[StoredFact]:
    """The facts of one entry as they are stored. Raises what `project` raises, IF_ERR_JSON_INVALID for a bad value."""
    return [stored_fact(fact, index) for fact in project(entry, index, at)]


def stored_fact(fact: Fact, index: int) -> StoredFact:
    """A fact as it is stored, set by entry `index`. Raises IF_ERR_JSON_INVALID."""
    try:
        fact.key.encode()
    except UnicodeEncodeError:
        raise FabricError(Code.JSON_INVALID, f"a key of the facts {fact.table} is not Unicode") from None
    return StoredFact(fact.table, fact.key, None if fact.value is None else dumps(fact.value), index)


def decode(row: Row) -> Entry | None:
    """The entry that was appended; None when its body was erased. Raises IF_ERR_LOG_DAMAGED."""
    if row.body is None or row.actor is None:
        return None
    try:
        kind = Kind(row.kind)
        body = BODIES.get(kind, Body).model_validate_json(row.body)
    except ValueError as error:
        raise FabricError(Code.LOG_DAMAGED, f"entry {row.number} does not read as {row.kind}: {error}") from None
    return Entry(kind, body, row.action, row.actor)


def fold(rows: Iterable[Row], erased: Callable[[int], Sequence[tuple[str, str]]], project: Project) -> list[StoredFact]:
    """All facts, made from the stored entries alone, in order of table and key.

    An erased entry takes the facts away that it once set: what it said is gone, also from here.
    """
    facts: dict[tuple[str, str], StoredFact] = {}
    for row in rows:
        entry = decode(row)
        if entry is None:
            for pair in erased(row.number):
                facts.pop(pair, None)
            continue
        for fact in project_facts(project, entry, row.number, Leaf.parse(row.leaf).at):
            if fact.value is None:
                facts.pop(fact[:2], None)
            else:
                facts[fact[:2]] = fact
    return [facts[pair] for pair in sorted(facts, key=lambda pair: (pair[0].encode(), pair[1].encode()))]


def words(body: Mapping[str, Any], actor: str) -> tuple[str, str, str, str, str]:
    """The columns of a body: trace, talent, target, capability, actor."""
    capability = body.get("capability", "")
    return body["trace"], body["talent"], body["target"], capability if isinstance(capability, str) else "", actor


def body_bytes(members: Mapping[str, Any]) -> bytes:
    """RFC 8785 bytes of a body. Most are flat objects of strings and small integers, on which orjson agrees.

    Raises IF_ERR_JSON_INVALID.
    """
    if not _PLAIN.issuperset(map(type, members.values())) or not "".join(members).isascii():
        return dumps(members)
    try:
        return orjson.dumps(members, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise FabricError(Code.JSON_INVALID, str(error)) from None


def members_of(body: Body) -> Mapping[str, Any]:
    """`body.as_json()`. Where all members are strings, booleans and integers, they are that already."""
    kind = type(body)
    plain = _PLAIN_BODIES.get(kind)
    if plain is None:
        plain = _PLAIN_BODIES[kind] = _is_plain(kind)
    if plain:
        members = vars(body)
        if _PLAIN.issuperset(map(type, members.values())):  # what was made without validation may hold anything
            return members
    return body.as_json()


def _is_plain(kind: type[Body]) -> bool:
    """Whether bodies of this class say in JSON what they hold, as long as the types are in `_PLAIN`."""
    fields = kind.model_fields.values()
    made_otherwise = kind.__pydantic_decorators__
    return (
        kind.as_json is Body.as_json
        and all(field.annotation in _PLAIN and not field.exclude for field in fields)
        and all(field.alias is None and field.serialization_alias is None and not field.metadata for field in fields)
        and not (made_otherwise.field_serializers or made_otherwise.model_serializers or made_otherwise.computed_fields)
    )
