"""Identities as operators' records: whom an OpenID provider's subject is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import Identity
from infrafabric.kernel.words.things import Talent

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["check_free", "identities_json", "identity_of", "known_identity", "row_of"]


def identity_of(issuer: str, subject: str, talent: Talent) -> Identity:
    """The word `Identity`. Raises IF_ERR_USAGE."""
    try:
        return Identity(issuer=issuer, subject=subject, talent=talent.id, tenant=talent.tenant)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise FabricError(Code.USAGE, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def check_free(house: House, value: Identity) -> None:
    """Raise IF_ERR_EXISTS where the subject is another talent already: one subject is one talent."""
    known = house.authority.get("identity", value.key)
    if known is not None and (known["talent"], known["tenant"]) != (value.talent, value.tenant):
        raise FabricError(Code.EXISTS, "that subject is a talent already; `ifctl identity revoke` ends that first")


def known_identity(
    house: House, issuer: str, subject: str, sees: Callable[[str], bool] = lambda tenant: True
) -> Identity:
    """Raises IF_ERR_IDENTITY_UNKNOWN, also for one of a tenant that is not seen."""
    fact = house.authority.get("identity", f"{issuer} {subject}")
    if fact is None or not sees(fact["tenant"]):
        raise FabricError(Code.IDENTITY_UNKNOWN, "that subject of that issuer is nobody here")
    return Identity.model_validate(fact)


def row_of(house: House, value: Identity) -> dict[str, Any]:
    """What is told of an identity: `taken` says whether the settings name its issuer, so that its tokens are taken."""
    taken = any(one.issuer == value.issuer for one in house.settings.serve.oidc)
    return {**value.as_json(), "taken": taken}


def identities_json(house: House, wanted: Callable[[Identity], bool]) -> list[dict[str, Any]]:
    """The identities that are wanted, by issuer and subject."""
    values = [Identity.model_validate(value) for _, value in house.authority.scan("identity")]
    return [row_of(house, value) for value in sorted(values, key=lambda it: it.key) if wanted(value)]
