"""Whether a caller whose stream stays open may still read: its credentials, its talent, the policies' leave."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from infrafabric.control.api.principal import Method, Principal
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope, ApiKey
from infrafabric.kernel.words.plan import Verdict
from infrafabric.policy.cedar_guard import CedarGuard

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.words.things import Talent

__all__ = ["Leaves"]

HOLDS_S = 1.0
"""For so long what was found of a caller is not looked up again, where the log has not grown by what could change it:
a thousand streams of one key then ask once."""
_REMEMBERED = 4_096


class Leaves:
    """Leave to read the log, looked at again as long as a stream stays open."""

    def __init__(
        self,
        house: House,
        changes: Callable[[], int],
        sessions: Callable[[str], bool],
        now: Callable[[], float] = monotonic,
    ) -> None:
        """`changes` counts the entries so far that may have changed anybody's leave; `sessions` says whether the
        session of that number still holds."""
        self._sessions = sessions
        self._house = house
        self._guard = CedarGuard(house.authority, house.clock)
        self._changes = changes
        self._now = now
        self._found: OrderedDict[tuple[object, ...], tuple[int, float, FabricError | None]] = OrderedDict()

    def of(self, principal: Principal) -> Callable[[], None]:
        """What raises where that caller may not read the log (any more): IF_ERR_AUTH_*, IF_ERR_TALENT_*,
        IF_ERR_SCOPE_MISSING, IF_ERR_DENIED."""

        def check() -> None:
            error = self._look(principal)
            if error is not None:
                raise error.with_traceback(None)

        return check

    def present(self, principal: Principal) -> Principal:
        """The caller with its talent as it is now. Raises IF_ERR_AUTH_*, IF_ERR_TALENT_* unless its credentials still
        hold, for all that they were for."""
        talent = self._holding(principal, principal.scopes)
        return replace(principal, talent=talent)

    def _look(self, principal: Principal) -> FabricError | None:
        key = (
            principal.method,
            principal.credential,
            principal.talent.id,
            principal.talent.key,
            principal.scopes,
            principal.expires,
        )
        changes, now = self._changes(), self._now()
        known = self._found.get(key)
        if known is not None and known[0] == changes and now - known[1] < HOLDS_S:
            return known[2]
        error: FabricError | None = None
        try:
            self._check(principal)
        except FabricError as raised:
            error = raised
        self._found[key] = (changes, now, error)
        self._found.move_to_end(key)
        if len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return error

    def _check(self, principal: Principal) -> None:
        principal.require(AccessScope.READ)
        talent = self._holding(principal, frozenset({AccessScope.READ}))
        decision = self._guard.may_read_log(talent, talent.tenant)
        if decision.verdict is not Verdict.SHARE:
            raise FabricError(Code.DENIED, f"{talent.id} may not read the log: {decision.reason}")

    def _holding(self, principal: Principal, scopes: frozenset[AccessScope]) -> Talent:
        talent = self._house.authority.talent(principal.talent.id)
        if talent.tenant != principal.talent.tenant:
            raise FabricError(Code.AUTH_INVALID, f"{talent.id} belongs to another tenant now")
        self._check_credentials(principal, talent, scopes)
        return talent

    def _check_credentials(self, principal: Principal, talent: Talent, scopes: frozenset[AccessScope]) -> None:
        if principal.expires is not None and self._house.clock() >= principal.expires:
            raise FabricError(Code.AUTH_EXPIRED, f"the credentials expired at {principal.expires:%Y-%m-%dT%H:%M:%SZ}")
        match principal.method:
            case Method.API_KEY:
                self._check_key(principal, scopes)
            case Method.SIGNATURE if talent.key != principal.talent.key:
                raise FabricError(Code.AUTH_INVALID, f"the key of {talent.id} is another one now")
            case Method.OIDC:
                fact = self._house.authority.get("identity", principal.credential)
                if fact is None or fact["talent"] != talent.id:
                    raise FabricError(Code.AUTH_INVALID, f"{principal.credential} is not {talent.id} any more")
            case Method.SESSION if not self._sessions(principal.credential):
                raise FabricError(Code.AUTH_EXPIRED, f"{principal.credential} is over")
            case _:
                pass

    def _check_key(self, principal: Principal, scopes: frozenset[AccessScope]) -> None:
        fact = self._house.authority.get("api_key", principal.credential)
        key = None if fact is None else ApiKey.model_validate(fact)
        if key is None or key.talent != principal.talent.id or not scopes <= set(key.scopes):
            raise FabricError(Code.AUTH_INVALID, f"the API key {principal.credential} does not hold any more")
        if key.expires and self._house.clock() >= datetime.fromisoformat(key.expires):
            raise FabricError(Code.AUTH_EXPIRED, f"the API key {key.id} expired at {key.expires}")
