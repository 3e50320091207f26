"""Passkeys as operators' records: which of them answer for whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import Passkey
from infrafabric.kernel.words.entries import Kind
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["known_passkey", "last_changed", "passkey_json", "passkeys"]

LOOKED_AT = 100
"""Entries of the log that are read at once."""


def passkeys(house: House, wanted: Callable[[Passkey], bool]) -> list[Passkey]:
    """The passkeys that are wanted, by talent and id."""
    values = [Passkey.model_validate(value) for _, value in house.authority.scan("passkey")]
    return [one for one in sorted(values, key=lambda it: (it.talent, it.id)) if wanted(one)]


def known_passkey(house: House, name: str, sees: Callable[[Passkey], bool] = lambda passkey: True) -> Passkey:
    """The passkey of that id. Raises IF_ERR_PASSKEY_UNKNOWN, also for one that is not seen."""
    value = house.authority.get("passkey", name)
    if value is None or not sees(found := Passkey.model_validate(value)):
        raise FabricError(Code.PASSKEY_UNKNOWN, f"there is no passkey {name[:60]}")
    return found


def last_changed(house: House, talent: str) -> datetime | None:
    """When a passkey of that talent was last enrolled or revoked, by the log; None: it never had one.

    An entry of which the body was erased counts as anybody's.
    """
    before: int | None = None
    while found := house.log.find(Query(kind=Kind.PASSKEY_CHANGED.value, limit=LOOKED_AT, before=before)):
        for one in found:
            if one.body is None or one.body["value"]["talent"] == talent:
                return datetime.fromisoformat(one.at)
        before = found[-1].index
    return None


def passkey_json(passkey: Passkey) -> dict[str, Any]:
    """What is told of a passkey. Its public key is in the log."""
    return {"id": passkey.id, "talent": passkey.talent, "rp_id": passkey.rp_id, "label": passkey.label}
