"""Changing what operators said, on a caller's word: who may, by which key, and on what it rests.

It takes the scope `administer`, a talent that holds the role `operator`, and the operator's key at hand in this process
(`[serve] administer`). Another tenant's operator changes its tenant's records alone. The record names who asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio.to_thread

from infrafabric.control.api.principal import Principal
from infrafabric.control.api.service import Service
from infrafabric.control.api.tenancy import HOME, administers
from infrafabric.control.operator import Operator
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.access import AccessScope

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Change", "MAX_WHY", "administering", "allowed", "at_hand", "check_may", "reason_of", "signing"]

MAX_WHY = 1_000
_AWAY = frozenset({Code.KEY_MISSING, Code.PASSPHRASE_REQUIRED, Code.PASSPHRASE_WRONG, Code.OPERATOR_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Change:
    """A change that may be made now."""

    house: House
    operator: Operator
    why: str
    since: int
    """Size of the log that it rests on: what others changed of the same since then is not overwritten."""
    check: Callable[[], object]
    """Raises where the caller may not make the change any more."""

    async def record(self, *entries: Entry, also: Callable[[], object] | None = None) -> None:
        """Append the records. Raises IF_ERR_CHANGED_MEANWHILE, what the log raises, and as `administering` does where
        the caller may not any more. `also` is asked with that, while nobody else changes anything."""

        def check() -> None:
            self.check()
            if also is not None:
                also()

        await self.house.record(*entries, since=self.since, check=check)


def reason_of(house: House, why: str, caller: Principal) -> str:
    """The reason as it is recorded, secrets masked. One that holds a secret of the caller's tenant is refused.

    Raises IF_ERR_WHY_REQUIRED, IF_ERR_TOO_LARGE, IF_ERR_ARGUMENT_SECRET.
    """
    if not why.strip():
        raise FabricError(Code.WHY_REQUIRED, "why is missing")
    if len(why) > MAX_WHY:
        raise FabricError(Code.TOO_LARGE, f"why has {len(why)} characters where {MAX_WHY} are taken")
    if house.redactor.holds_of(why, {caller.talent.tenant}):
        raise FabricError(Code.ARGUMENT_SECRET, "why holds a secret's value")
    return house.redactor.redact(why.strip())


def at_hand(house: House) -> bool:
    """Whether this kernel may sign for the operator."""
    asked = house.settings.serve.administer
    return house.home.is_development if asked is None else asked


def check_may(service: Service, caller: Principal, tenant: str = HOME) -> None:
    """Raise IF_ERR_SCOPE_MISSING, IF_ERR_DENIED unless the caller may change records of `tenant` as the home's records
    are now; IF_ERR_AUTH_*, IF_ERR_TALENT_* where its credentials hold no longer."""
    caller.require(AccessScope.ADMINISTER)
    if not administers(service.house, service.leaves.present(caller), tenant):
        raise FabricError(
            Code.DENIED, f"{caller.talent.id} is no operator of the tenant {tenant}",
            remedy="An operator makes the change, or gives the role: `ifctl talent set --role operator`.",
        )  # fmt: skip


async def administering(service: Service, caller: Principal, why: str, trace: str, tenant: str = HOME) -> Change:
    """Leave to change records of `tenant`: of `default` also for what is the whole home's.

    It rests on the log as it is when this is called. A route that reads the record first must not wait in between.
    Raises as `check_may` and `reason_of` do, and IF_ERR_OPERATOR_AWAY where the operator's key is not at hand.
    """

    def check() -> None:
        check_may(service, caller, tenant)

    return await signing(service, caller, why, trace, check)


def allowed(service: Service, caller: Principal, why: str, tenant: str = HOME) -> str:
    """The reason for a change that the caller may make and nobody signs, such as a secret's.

    Raises as `check_may` and `reason_of` do, and IF_ERR_OPERATOR_AWAY where this kernel lets nobody administer.
    """
    check_may(service, caller, tenant)
    if not at_hand(service.house):
        raise FabricError(Code.OPERATOR_AWAY, "this kernel lets nobody administer it through the API")
    return reason_of(service.house, why, caller)


async def signing(
    service: Service, caller: Principal, why: str, trace: str, check: Callable[[], object] | None = None
) -> Change:
    """The operator's key at work for a caller that was found to be allowed the change. `check` says so, and is asked
    again; where there is none, the caller's credentials have to hold.

    It rests on the log as it is when this is called. Raises as `reason_of` and `check` do, IF_ERR_OPERATOR_AWAY,
    and IF_ERR_RATE_LIMITED for who is no operator and changes its own too often.
    """
    house = service.house
    since = house.log.size
    check = check or (lambda: service.leaves.present(caller))
    check()
    reason = reason_of(house, why, caller)
    if not at_hand(house):
        raise FabricError(Code.OPERATOR_AWAY, "this kernel serves without the operator's key")
    if AccessScope.ADMINISTER not in caller.scopes or not administers(house, caller, caller.talent.tenant):
        service.own_changes.spend(caller.talent.id)
    try:
        operator = await anyio.to_thread.run_sync(house.operator, trace, limiter=service.operator_key)
    except FabricError as error:
        if error.code in _AWAY:
            raise FabricError(Code.OPERATOR_AWAY, f"the operator's key is not at hand: {error.message}") from None
        raise
    check()  # loading the key takes long enough for the caller's own leave to end
    return Change(house, replace(operator, who=caller.talent.id), reason, since, check)
