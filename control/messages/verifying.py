"""Checking an envelope without sending it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infrafabric.control.messages.frames import read_frame
from infrafabric.control.messages.opening import rules_of
from infrafabric.control.messages.senders import load_sender
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import PublicKey
from infrafabric.transports.envelopes.admission import check_key
from infrafabric.transports.envelopes.opening import Opened, open_envelope

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["checked_by_key", "checked_in"]

MAX_FILE = 1 << 20


def checked_by_key(data: bytes, key: str) -> tuple[dict[str, Any], FabricError | None]:
    """What an envelope says, and whether `key` (base64) signed it; the refusal where not.

    Raises IF_ERR_KEY_INVALID for what is no key, and what `open_envelope` raises.
    """
    public = str(PublicKey.enrol(key))
    opened = open_envelope(data, MAX_FILE)
    return _shape(opened, None), _fault(opened, public)


def checked_in(house: House, data: bytes) -> tuple[dict[str, Any], FabricError | None]:
    """The same by the key that is enrolled for the sender; `admissible` says whether the house would take it now.

    Raises what reading the frame raises, IF_ERR_TALENT_*.
    """
    settings = house.settings
    frame = read_frame(data, settings.messages.bytes, max(settings.serve.body_bytes, settings.messages.bytes))
    opened = frame.opened
    name = opened.envelope.sender
    try:
        error = _fault(opened, house.authority.talent(name).key)
        if error is None:
            load_sender(house.reading.facts, name).judge(opened, house.clock(), rules_of(settings))
    except FabricError as refused:
        error = refused
    return _shape(opened, error is None), error


def _fault(opened: Opened, key: str | None) -> FabricError | None:
    try:
        check_key(opened, key)
    except FabricError as error:
        return error
    if opened.is_signed():
        return None
    return FabricError(Code.MESSAGE_SIGNATURE, f"the signature of {opened.envelope.id} does not hold")


def _shape(opened: Opened, admissible: bool | None) -> dict[str, Any]:
    """`signature` says whether the key that the envelope names signed it; `admissible` is None where no house says."""
    envelope = opened.envelope
    return {
        "id": envelope.id,
        "sender": envelope.sender,
        "performative": envelope.performative,
        "conversation_id": envelope.conversation_id,
        "seq": envelope.seq,
        "issued_at": envelope.issued_at,
        "ttl_s": envelope.ttl_s,
        "key": envelope.signature.pubkey,
        "digest": opened.digest,
        "signature": opened.is_signed(),
        "admissible": admissible,
    }
