"""`/v1/identities`: whom OpenID providers' subjects are here."""

from __future__ import annotations

from starlette.responses import Response

from infrafabric.control.api.administering import administering
from infrafabric.control.api.answers import answer, listed
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Administering, Reading, TheService, Trace
from infrafabric.control.api.paging import Paged
from infrafabric.control.api.shapes.access import Identities, IdentityChange, NewIdentity, RevokedIdentity
from infrafabric.control.api.tenancy import administers, own_talent, sees
from infrafabric.control.records.identities import check_free, identities_json, identity_of, known_identity, row_of
from infrafabric.kernel.words.access import AccessScope, Identity

__all__ = ["router"]

router = Routes(prefix="/identities", tags=["who asks"])


@router.get("", response_model=Identities)
async def list_(service: TheService, caller: Reading, paging: Paged, response: Response) -> Response:
    """The identities of the tenants that the caller administers; its own where it administers none."""
    house, talent = service.house, caller.talent
    administered = {
        tenant for tenant in {value["tenant"] for _, value in house.authority.scan("identity")}
        if tenant != talent.tenant and sees(house, caller, tenant)
    }  # fmt: skip
    all_of_own = AccessScope.ADMINISTER in caller.scopes and administers(house, caller, talent.tenant)

    def wanted(value: Identity) -> bool:
        own = value.tenant == talent.tenant and (all_of_own or value.talent == talent.id)
        return own or value.tenant in administered

    rows = identities_json(house, wanted)
    found, following = paging.page(rows, lambda row: f"{row['issuer']} {row['subject']}")
    return listed({"identities": found, "next": following}, response)


@router.post("", response_model=IdentityChange)
async def set_(asked: NewIdentity, service: TheService, caller: Administering, trace: Trace) -> Response:
    """Say whom a subject of an OpenID provider is here. Said again, it stays as it is."""
    house = service.house
    talent = house.authority.talent(own_talent(house, caller, asked.talent))
    value = identity_of(asked.issuer, asked.subject, talent)
    change = await administering(service, caller, asked.why, trace, talent.tenant)
    check_free(house, value)
    await change.record(change.operator.identity(value, change.why))
    return answer({"identity": row_of(house, value), "change": "set"})


@router.post("/revoke", response_model=IdentityChange)
async def revoke(asked: RevokedIdentity, service: TheService, caller: Administering, trace: Trace) -> Response:
    """From now on the subject is nobody here."""
    house = service.house
    value = known_identity(house, asked.issuer, asked.subject, lambda tenant: sees(house, caller, tenant))
    change = await administering(service, caller, asked.why, trace, value.tenant)
    await change.record(change.operator.identity(value, change.why, "revoked"))
    return answer({"identity": row_of(house, value), "change": "revoked"})
