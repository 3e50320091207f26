"""Passkeys as operators' records: which of them answer for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import Passkey

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["known_passkey", "passkey_json", "passkeys"]


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


def passkey_json(passkey: Passkey) -> dict[str, Any]:
    """What is told of a passkey. Its public key is in the log."""
    return {"id": passkey.id, "talent": passkey.talent, "rp_id": passkey.rp_id, "label": passkey.label}
