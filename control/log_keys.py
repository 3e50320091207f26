"""The keys that sign the log: one, or two while one takes over from the other. How they change, and what an interrupted
change is completed to.

In the key store the log's key is `log`, the one that takes over `log-next`. A change takes these steps, and the process
may die between any two of them:

| step | a home that is opened then |
|---|---|
| the key `log-next` is made | goes on under `log`; the next change makes another |
| `log.rekeyed` (begun) is committed, under both keys | goes on under both |
| `log.rekeyed` (finished) is committed, under both keys | goes on under the new key, and takes the next step |
| `log-next` takes the name and place of `log` | has one key |

What counts is which of the keys signed the last checkpoint, and what the last `log.rekeyed` says.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from infrafabric.control.approver_key import OPERATOR_PERSON
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.authority import change_bytes
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, LogRekeyed
from infrafabric.kernel.words.things import Talent
from infrafabric.keys.keyfile import Protection
from infrafabric.keys.keystore import Keystore
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.checkpoint import SignedCheckpoint, open_checkpoint
from infrafabric.witness.merkle import verify_consistency
from infrafabric.witness.note import Verifier, split_note
from infrafabric.witness.reading import LogReading
from infrafabric.witness.signer import KeySigner

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.witness.log import WitnessLog

__all__ = [
    "LOG", "NEXT", "begin_rekey", "end_origin", "finish_rekey", "greet_operator", "kept_elsewhere", "load_log_keys",
    "log_publics", "lost_key", "settle_log_key",
]  # fmt: skip

LOG = "log"
NEXT = "log-next"
_WAITS = frozenset({Code.LOG_CLOCK, Code.DISK_FULL, Code.BUSY})
"""What may keep the end of a change from being recorded now. Both keys sign until it is."""


def log_publics(keystore: Keystore) -> tuple[bytes, ...]:
    """The public keys that may sign the log, the newest last. Raises IF_ERR_KEY_*."""
    # The one that takes over is looked for first: it may take the other's place before that is read.
    heir = keystore.public(NEXT).raw if NEXT in keystore.names() else None
    key = keystore.public(LOG).raw
    return (key,) if heir is None or heir == key else (key, heir)


def load_log_keys(keystore: Keystore) -> tuple[SigningKey, SigningKey | None]:
    """The log's key, and the one that takes over from it where there is one. The caller holds the home's lock.

    Raises IF_ERR_KEY_*, IF_ERR_PASSPHRASE_*.
    """
    key = keystore.load(LOG)
    if NEXT not in keystore.names():
        return key, None
    heir = keystore.load(NEXT)
    if heir.public == key.public:  # it has taken the other's place, and its old file was due to go
        keystore.remove(NEXT)
        return key, None
    return key, heir


async def settle_log_key(house: House, tell: Callable[[str], None]) -> list[str]:
    """Bring a change of keys to where the log says it stands, and end it where its day has come. Gives warnings.

    Raises IF_ERR_LOG_DAMAGED, IF_ERR_KEY_*, and what an append raises that no later start would mend.
    """
    log = house.log
    if log.stopped is not None:
        return []
    if len(log.signing) == 1:
        if log.signing[0].public == house.keystore.public(NEXT).raw:
            tell("the log's new key takes its place")
            house.keystore.succeed(LOG, NEXT)
        return []
    last = _last(log)
    if last.change == "finished":
        await log.drop_former_key()
    elif _until(last) <= house.now():
        tell("the log's former key ends")
        try:
            await log.finish_rekey(_entry(_finished(log, last, f"the overlap ended on {last.until}", "")))
        except FabricError as error:
            if error.code not in _WAITS:
                raise
            return [f"the log's former key is past its end, which could not be recorded yet: {error.message}"]
    else:
        return []
    house.keystore.succeed(LOG, NEXT)
    return []


def lost_key(log: WitnessLog) -> list[str]:
    """A warning where the last checkpoint bears the signature of a key of the log that the home does not have."""
    if log.stopped is not None or not log.size:
        return []
    _, signatures = split_note(log.checkpoint())
    newest = [data[:4] for name, data in signatures if name == log.origin][-1]
    if newest == log.signing[-1].id:
        return []
    return [
        f"the key {NEXT}, which was taking over the log, is not in the home: only the former key signs now; put it"
        ' back from a backup, or begin again with `ifctl witness rotate-key --why "…"`'
    ]


async def begin_rekey(house: House, why: str, overlap: timedelta, trace: str) -> LogRekeyed:
    """Make a new key for the log; from now on it signs beside the present one, for `overlap` at least.

    Raises IF_ERR_USAGE where a change is under way, IF_ERR_KEY_*, IF_ERR_PASSPHRASE_*, and what an append does.
    """
    log = house.log
    _check_going(log)
    if len(log.signing) != 1:
        raise FabricError(
            Code.USAGE, f"the log's key is being changed already, until {_last(log).until}", remedy=_FINISH
        )
    operator = house.operator(trace)  # before anything is made
    heir = _new_key(house)
    body = LogRekeyed(
        talent=operator.who,
        trace=trace,
        change="begun",
        origin=log.origin,
        vkey=str(Verifier(log.origin, heir.public.raw)),
        former=log.vkey,
        until=(house.now() + overlap).strftime("%Y-%m-%dT%H:%M:%SZ"),
        why=why,
        operator=str(operator.key.public),
    )
    body = _signed(body, operator.key)
    try:
        await log.begin_rekey(KeySigner(heir), _entry(body))
    except FabricError:
        _drop_unused(house)
        raise
    return body


async def finish_rekey(house: House, why: str, trace: str) -> LogRekeyed:
    """End the overlap: the new key alone signs from now on, and the former one is removed from the home.

    Raises IF_ERR_USAGE where no change is under way, and what an append does.
    """
    log = house.log
    _check_going(log)
    if len(log.signing) != 2:
        raise FabricError(
            Code.USAGE, "the log's key is not being changed", remedy="Begin with `ifctl witness rotate-key --why`."
        )
    operator = house.operator(trace)
    body = _finished(log, _last(log), why, trace).model_copy(update={"operator": str(operator.key.public)})
    body = _signed(body, operator.key)
    await log.finish_rekey(_entry(body))
    house.keystore.succeed(LOG, NEXT)
    return body


async def end_origin(house: House, origin: str, why: str, trusted: SignedCheckpoint | None, trace: str) -> None:
    """The log's key is in other hands: go on under a new key and a new origin. The old key is removed from the home.

    `trusted` is the last checkpoint of the old origin that was kept elsewhere. Raises IF_ERR_USAGE where a change of
    keys is under way or `origin` is not new, and what an append does.
    """
    log = house.log
    if len(log.signing) != 1:
        raise FabricError(Code.USAGE, "the log's key is being changed; finish that first", remedy=_FINISH)
    operator = house.keystore.load("operator")
    if str(operator.public) not in house.trusted.trust.operator_keys:
        raise FabricError(Code.OPERATOR_UNKNOWN, f"the trust set does not name the operator key {operator.public}")
    heir = _new_key(house)
    note = trusted.note if trusted is not None else ""
    try:
        await log.open_origin(origin, why, OPERATOR, trace, heir=KeySigner(heir), trusted=note)
    except FabricError:
        _drop_unused(house)
        raise
    house.keystore.succeed(LOG, NEXT)
    await greet_operator(house, why, trace)


async def greet_operator(house: House, why: str, trace: str) -> None:
    """Let the operator in person be known under a new origin, by the same key as before, if it is in this home."""
    keys = house.keystore
    key = str(keys.public(OPERATOR_PERSON)) if OPERATOR_PERSON in keys.names() else ""
    await house.record(house.operator(trace).talent(Talent(id=OPERATOR, roles=("operator",), key=key), why))


def kept_elsewhere(house: House, given: Path | None) -> SignedCheckpoint | None:
    """The last checkpoint of the present origin that the operator has (`given`), or that the anchor directories hold.

    Raises IF_ERR_FILE_UNREADABLE, IF_ERR_NOTE_INVALID, IF_ERR_ANCHOR_MISMATCH for a given one that is not the log's;
    what lies in a directory and is not, was not kept.
    """
    if given is not None:
        return _kept(house.reading, given)
    found: list[SignedCheckpoint] = []
    for folder in house.settings.witness.anchors:
        for path in sorted(Path(folder).glob("*.checkpoint"), reverse=True):
            try:
                found.append(_kept(house.reading, path))
            except FabricError as error:
                if error.code not in (Code.FILE_UNREADABLE, Code.NOTE_INVALID, Code.ANCHOR_MISMATCH):
                    raise
            else:
                break
    return max(found, key=lambda checkpoint: checkpoint.size, default=None)


_FINISH = '`ifctl witness rotate-key --finish --why "…"` ends the change that is under way.'


def _kept(log: LogReading, path: Path) -> SignedCheckpoint:
    try:
        checkpoint = open_checkpoint(path.read_bytes(), log.verifiers())
    except OSError as error:
        raise FabricError(Code.FILE_UNREADABLE, f"{path}: {error.strerror or error}") from None
    head = log.head
    if checkpoint.origin != head.origin or not 0 < checkpoint.size <= head.size:
        raise FabricError(Code.ANCHOR_MISMATCH, f"{path} is no checkpoint of {head.origin} up to {head.size} entries")
    try:
        proof = log.consistency(checkpoint.size, head.size)
        verify_consistency(checkpoint.size, head.size, checkpoint.root, head.root, proof)
    except FabricError as error:
        if error.code is not Code.PROOF_INVALID:
            raise
        raise FabricError(Code.ANCHOR_MISMATCH, f"{path} is of another tree than the log's beginning") from None
    return checkpoint


def _check_going(log: WitnessLog) -> None:
    if log.stopped is not None:
        raise log.stopped


def _new_key(house: House) -> SigningKey:
    """A key under the name NEXT, in the place of one that a change left behind which never began."""
    if NEXT in house.keystore.names():
        house.keystore.remove(NEXT)
    protection = Protection.NONE if house.keystore.describe(LOG).kdf is None else Protection.PASSPHRASE
    return house.keystore.create(NEXT, protection)


def _drop_unused(house: House) -> None:
    """Remove the key of a change that was refused. Where the log stopped over it, only the next start knows."""
    stopped = house.log.stopped
    if stopped is None or stopped.code is not Code.LOG_STOPPED:
        house.keystore.remove(NEXT)


def _last(log: LogReading) -> LogRekeyed:
    changes: Sequence[LogRekeyed] = log.rekeyings()
    if not changes:
        raise FabricError(Code.LOG_DAMAGED, "two keys sign the log, and no entry of it says why")
    return changes[0]


def _until(body: LogRekeyed) -> datetime:
    try:
        return datetime.strptime(body.until, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise FabricError(Code.LOG_DAMAGED, f"{body.until[:40]!r} is no time at which a key ends") from None


def _finished(log: LogReading, begun: LogRekeyed, why: str, trace: str) -> LogRekeyed:
    return begun.model_copy(
        update={
            "change": "finished", "why": why, "trace": trace, "operator": "", "signature": "",
            "checkpoint": log.checkpoint(),
        }
    )  # fmt: skip


def _signed(body: LogRekeyed, key: SigningKey) -> LogRekeyed:
    signature = key.sign(change_bytes(Kind.LOG_REKEYED, body.as_json()))
    return body.model_copy(update={"signature": base64.b64encode(signature).decode("ascii")})


def _entry(body: LogRekeyed) -> Entry:
    return Entry(Kind.LOG_REKEYED, body, actor=body.talent)
