"""What may be recorded on another process's word, and what was changed since somebody looked. No I/O but reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from infrafabric.kernel.authority import change_bytes
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.projections import project
from infrafabric.kernel.words.entries import BODIES, BreakerChanged, Kind, Signed
from infrafabric.witness.reading import LogReading
from infrafabric.witness.store import Query

__all__ = ["check_new", "check_recordable", "check_unchanged"]

UNSIGNED = frozenset({Kind.SECRET_CHANGED, Kind.ADAPTER_UNLOADED, Kind.BREAKER_CHANGED, Kind.TRUST_GRACED})
"""What doors record beside the operators' signed records. A grace brings its own signed document."""
LOOKED_AT = 100
"""Newest entries of a kind in which a change is looked for. Who looked before more than those looks again."""
OF_A_TRACE = 1_000
"""Records of a kind and trace among which a copy is looked for. Beyond that a further one is refused."""
AGAIN = "Make the change anew where it is still wanted."

Verify = Callable[[str, bytes, str], bool]


def check_recordable(entries: Iterable[Entry], origin: str, operators: frozenset[str], verify: Verify) -> None:
    """Raise unless each entry is of a kind that a door records, and holds the signature that it needs.

    IF_ERR_DENIED for other kinds, which the kernel alone writes; IF_ERR_OPERATOR_UNKNOWN for a key that the trust set
    does not name; IF_ERR_SIGNATURE_INVALID for a signature that does not hold in this log: it would take a good
    record's place and be believed by nobody.
    """
    for entry in entries:
        body = entry.body
        if entry.action:
            raise FabricError(Code.DENIED, f"{entry.kind.value} of an action is for the kernel alone to record")
        if not isinstance(body, Signed):
            closes = not isinstance(body, BreakerChanged) or body.state == "closed"
            if entry.kind not in UNSIGNED or not closes:
                raise FabricError(Code.DENIED, f"{entry.kind.value} is for the kernel alone to record")
            continue
        if body.operator not in operators:
            raise FabricError(Code.OPERATOR_UNKNOWN, f"the trust set does not name the operator key {body.operator}")
        if body.origin != origin or not verify(body.operator, change_bytes(entry.kind, body.as_json()), body.signature):
            raise FabricError(Code.SIGNATURE_INVALID, f"the signature of {entry.kind.value} does not hold in {origin}")


def check_new(log: LogReading, entries: Iterable[Entry]) -> None:
    """Raise IF_ERR_EXISTS where the log holds the signed record already, or `entries` do twice.

    Whoever may speak to a kernel could else send a former record again, word for word from the log, and so bring back
    what an operator took away. The trace is signed with the record, so a copy stands under it; a record there whose
    body was erased may be the same one.
    """
    seen: set[bytes] = set()
    for entry in entries:
        body = entry.body
        if not isinstance(body, Signed):
            continue
        said = change_bytes(entry.kind, body.as_json())
        found = log.find(Query(kind=entry.kind.value, trace=body.trace, limit=OF_A_TRACE))
        if len(found) == OF_A_TRACE or any(
            one.body is None or change_bytes(entry.kind, one.body) == said for one in found
        ):
            raise FabricError(
                Code.EXISTS, f"this very record of {entry.kind.value} is in the log already", remedy=AGAIN
            )
        if said in seen:
            raise FabricError(Code.EXISTS, f"the same record of {entry.kind.value} is given twice", remedy=AGAIN)
        seen.add(said)


def check_unchanged(log: LogReading, entries: Iterable[Entry], since: int) -> None:
    """Raise IF_ERR_CHANGED_MEANWHILE where a record that one of `entries` replaces was set at `since` or later."""
    for entry in entries:
        if not isinstance(entry.body, Signed) or log.size <= since:
            continue
        places = _places(entry)
        newest = log.find(Query(kind=entry.kind.value, limit=LOOKED_AT))
        later = [found for found in newest if found.index >= since]
        if len(later) == LOOKED_AT or any(
            found.body is not None
            and places & _places(Entry(entry.kind, BODIES[entry.kind].model_validate(found.body)))
            for found in later
        ):
            what = ", ".join(sorted(key for _, key in places))
            raise FabricError(
                Code.CHANGED_MEANWHILE,
                f"{what} was changed by somebody else meanwhile",
                remedy="Look at what is there now, then do it again.",
            )


def _places(entry: Entry) -> set[tuple[str, str]]:
    """The facts that the entry sets, as table and key."""
    return {(fact.table, fact.key) for fact in project(entry, 0, "")}
