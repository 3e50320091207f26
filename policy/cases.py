"""Policies tested like code: a table of cases, each what is given and which verdict is expected.

    cases:
      - name: an agent's cut waits for one person
        given: {kind: agent, capability: vmix.switcher, target: vmix@studio-a, hazards: [live-output]}
        expect: {verdict: ESCALATE, rules: [live-output], people: 1}

A case takes the grant as given: it asks the routing invariants and the policies alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.claims import ClaimHazard, Share
from infrafabric.kernel.words.manifest import Cost, Name, Scope
from infrafabric.kernel.words.names import TalentId, TargetName, TenantId, capability_id, short_name
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import RoleName
from infrafabric.kernel.words.things import Talent
from infrafabric.policy.cedar import Judged, Policies
from infrafabric.policy.schema import APPROVE, PLANNED, READ_LOG, Asking

__all__ = ["Case", "Expected", "Given", "Outcome", "read_table", "run_case"]

MOST_CASES = 1_000
MONDAY = "2026-01-05T12:00:00Z"


class Given(Word):
    """What is asked. Members left out have the value that makes the least of it."""

    action: Literal["plan", "apply", "dry_run", "undo", "approve", "read_log"] = "apply"
    kind: Literal["person", "agent", "service"] = "agent"
    """Kind of the talent, where `talent` does not name one."""
    talent: TalentId | None = None
    roles: tuple[RoleName, ...] = ()
    """Those held by inclusion too."""
    groups: tuple[RoleName, ...] = ()
    owner: TalentId | None = None
    confidence_required: bool = False
    tenant: TenantId = "default"
    capability: str = "vmix.switcher"
    capability_kind: Literal["state", "event"] = "state"
    scopes: tuple[Scope, ...] = ()
    target: TargetName = "vmix@studio-a"
    planned: bool = True
    changes: Annotated[int, Field(ge=0, le=500)] = 1
    effects: tuple[Name, ...] = ()
    hazards: tuple[ClaimHazard, ...] = ()
    destructive: bool = False
    invertible: bool = True
    cost: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")] = "0"
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    confidence: Share | None = None
    """From 0 to 1, as it counts after the kernel's cap."""
    at: str = MONDAY
    """RFC 3339; else a Monday at noon, UTC."""

    @model_validator(mode="after")
    def _sound(self) -> Given:
        try:
            capability_id(self.capability)
        except FabricError as error:
            raise ValueError(error.message) from None
        if datetime.fromisoformat(self.at).tzinfo is None:
            raise ValueError("at has no time zone; end it with Z")
        return self

    def asking(self) -> Asking:
        """The request that this stands for."""
        talent = Talent(
            id=self.talent or f"if://{self.kind}/someone",
            tenant=self.tenant,
            roles=self.roles,
            groups=self.groups,
            owner=self.owner,
            confidence_required=self.confidence_required,
        )
        return Asking(
            action=self.action,
            talent=talent,
            at=datetime.fromisoformat(self.at).astimezone(UTC),
            roles=frozenset(self.roles),
            capability="" if self.action == READ_LOG else short_name(self.capability),
            capability_kind=self.capability_kind,
            scopes=self.scopes,
            target="" if self.action == READ_LOG else self.target,
            tenant=self.tenant,
            planned=self.planned and self.action in PLANNED and self.action != APPROVE,
            changes=self.changes,
            effects=self.effects,
            hazards=self.hazards,
            destructive=self.destructive,
            invertible=self.invertible,
            cost=Cost(currency=self.currency, per_apply=self.cost),
            confidence=self._permille,
        )

    @property
    def _permille(self) -> int | None:
        if self.confidence is None:
            return 0 if self.confidence_required else None
        return int(self.confidence * 1000)


class Expected(Word):
    """The verdict, and what else of the decision is to be compared."""

    verdict: Verdict
    rules: tuple[str, ...] | None = None
    """Ids of the rules that gave it, in any order."""
    people: int | None = None
    roles: tuple[RoleName, ...] | None = None


class Case(Word):
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    given: Given
    expect: Expected


class _Table(Word):
    cases: Annotated[tuple[Case, ...], Field(min_length=1, max_length=MOST_CASES)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: what was expected and what was found, by member; both empty where they agree."""

    case: Case
    judged: Judged
    expected: Mapping[str, Any]
    found: Mapping[str, Any]

    @property
    def agrees(self) -> bool:
        return not self.expected


def read_table(value: Any) -> tuple[Case, ...]:
    """The cases of a table. Raises IF_ERR_POLICY_TABLE, naming the case and the member."""
    try:
        return _Table.model_validate(value).cases
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FabricError(Code.POLICY_TABLE, f"{where or 'the table'}: {first['msg']}") from None


def run_case(policies: Policies, case: Case) -> Outcome:
    """Ask the policies what the case gives, and compare."""
    judged = policies.judge(case.given.asking())
    needs = judged.needs
    actual: dict[str, Any] = {
        "verdict": judged.verdict.value,
        "rules": sorted(judged.rules),
        "people": needs.people if needs is not None else 0,
        "roles": sorted(needs.roles) if needs is not None else [],
    }
    wanted = {
        name: sorted(value) if isinstance(value, list) else value for name, value in case.expect.as_json().items()
    }
    differing = [name for name, value in wanted.items() if actual[name] != value]
    return Outcome(case, judged, {name: wanted[name] for name in differing}, {name: actual[name] for name in differing})
