"""Completing and signing an envelope that a person wrote."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infrafabric.control.approver_key import key_of
from infrafabric.control.messages.senders import sender_json
from infrafabric.kernel.canonical import Json, dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import new_action_id
from infrafabric.transports.envelopes.opening import open_envelope
from infrafabric.transports.envelopes.signing import sign_envelope

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["signed_draft"]

TTL_S = 900
NONCE_BYTES = 16


def signed_draft(house: House, draft: Json, talent: str | None) -> bytes:
    """The envelope of a draft: what it lacks is filled in, and the sender's key, which this home keeps, signs it.

    `talent` is the sender where the draft names none. Raises IF_ERR_MESSAGE_INVALID, IF_ERR_TALENT_*, IF_ERR_KEY_*,
    IF_ERR_PASSPHRASE_*.
    """
    if not isinstance(draft, dict):
        raise FabricError(Code.MESSAGE_INVALID, "a draft is a JSON object")
    named = draft.get("sender", talent)
    if not isinstance(named, str):
        raise FabricError(Code.MESSAGE_INVALID, "sender: the draft names none; --as TALENT does")
    sender = house.authority.talent(house.talent_named(named))
    if talent is not None and house.talent_named(talent) != sender.id:
        raise FabricError(Code.MESSAGE_INVALID, f"sender: the draft is {sender.id}'s, not {talent}'s")
    key = key_of(house.keystore, sender.id, sender.key)
    filled: dict[str, Any] = {
        "id": new_action_id(),
        "conversation_id": new_action_id(),
        "issued_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ttl_s": TTL_S,
        "seq": sender_json(house.reading.facts, sender.id, sender.key)["next"],
        "nonce": base64.b64encode(secrets.token_bytes(NONCE_BYTES)).decode("ascii"),
        **draft,
        "sender": sender.id,
        "signature": {},
    }
    data = dumps(sign_envelope(filled, key))
    open_envelope(data, len(data))  # what would not be read as an envelope is not given out as one
    return data
