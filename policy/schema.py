"""The Cedar schema that policies are written against, and the requests that fit it.

Schema and requests are made here, side by side, from the kernel's words. Ids are what people type: capabilities by
their short name (`Capability::"vmix.switcher"`), targets by theirs (`Target::"vmix@studio-a"`), talents in full
(`Talent::"if://agent/Finance.Agent"`). No text of an adapter, of the world or of the asker is in a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from infrafabric.kernel.ports import Purpose
from infrafabric.kernel.words.manifest import Cost, Kind
from infrafabric.kernel.words.names import TALENT, product_of
from infrafabric.kernel.words.things import Talent

__all__ = ["ACTIONS", "APPROVE", "PLANNED", "READ_LOG", "Asking", "schema_text"]

PLANNED: tuple[str, ...] = get_args(Purpose)
"""Actions on a target that a plan is made for."""
APPROVE, READ_LOG = "approve", "read_log"
ACTIONS = (*PLANNED, APPROVE, READ_LOG)

_SCHEMA = """\
// Whoever asks. Roles and groups are parents, inherited roles too: `principal in Role::"director"`.
entity Talent in [Role, Group, Tenant] {{
  kind: String,              // {kinds}
  tenant: Tenant,
  owner?: Talent,            // who answers for it
  confidence_required: Bool,
}};
entity Role;
entity Group;
entity Tenant;
// What can be done: Capability::"vmix.switcher".
entity Capability {{
  product: String,           // "vmix"
  kind: String,              // {capability_kinds}
  scopes: Set<String>,       // those that its manifest asks for
}};
// Where: Target::"vmix@studio-a".
entity Target in [Tenant] {{
  product: String,
  tenant: Tenant,
}};

type Time = {{
  hour: Long,                // 0 to 23, UTC
  weekday: Long,             // 1 is Monday, 7 is Sunday, UTC
  epoch: Long,               // seconds since 1970, UTC
}};
// `plan` is asked twice: before anything is read (planned is false, there are no changes yet), and about the plan.
action {planned} appliesTo {{
  principal: Talent,
  resource: Target,
  context: {{
    capability: Capability,
    planned: Bool,
    dry_run: Bool,
    changes: Long,           // how many writes the plan holds
    effects: Set<String>,    // their names, as the manifest has them
    hazards: Set<String>,    // manifest's, adapter's, operator's and asker's together
    destructive: Bool,       // whether a write destroys something
    invertible: Bool,        // whether every change has an inverse
    cost: {{ currency: String, millionths: Long }},
    confidence?: Long,       // permille, capped by what could be checked; absent where none counts
    time: Time,
  }},
}};
action {approve} appliesTo {{ principal: Talent, resource: Target, context: {{ capability: Capability, time: Time }} }};
action {read_log} appliesTo {{ principal: Talent, resource: Tenant, context: {{ time: Time }} }};
"""


def schema_text() -> str:
    """The schema, in Cedar's own syntax."""
    kinds = TALENT.pattern.split("(", 1)[1].split(")", 1)[0].split("|")
    return _SCHEMA.format(
        kinds=", ".join(f'"{kind}"' for kind in kinds if kind != "kernel"),
        capability_kinds=", ".join(f'"{kind}"' for kind in sorted(Kind)),
        planned=", ".join(PLANNED),
        approve=APPROVE,
        read_log=READ_LOG,
    )


@dataclass(frozen=True, slots=True)
class Asking:
    """One request to the policies: who asks for what, where, and what the plan would do."""

    action: str
    talent: Talent
    at: datetime
    roles: frozenset[str] = frozenset()
    """All that the talent holds, also by inclusion."""
    capability: str = ""
    """Short name."""
    capability_kind: str = "state"
    scopes: tuple[str, ...] = ()
    target: str = ""
    """Name of the target; "" for `read_log`, which is about a tenant."""
    tenant: str = "default"
    """Of the target, or whose log is read."""
    planned: bool = True
    changes: int = 0
    effects: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    destructive: bool = False
    invertible: bool = True
    cost: Cost = Cost()
    confidence: int | None = None
    unattended: bool = False
    """Whether a credential that works by itself asks. A person's is then of the kind `service`: whoever lets people act
    because a person is there did not mean a key in a script."""

    @property
    def about(self) -> tuple[object, ...]:
        """What the entities depend on: equal for askings that have the same."""
        return (
            self.talent, self.roles, self.capability, self.capability_kind, self.scopes, self.target, self.tenant,
            self.unattended,
        )  # fmt: skip

    @property
    def _kind(self) -> str:
        kind = self.talent.id.removeprefix("if://").partition("/")[0]
        return "service" if self.unattended and kind == "person" else kind

    def entities(self) -> list[dict[str, Any]]:
        """The entities of the request, in Cedar's JSON."""
        talent = self.talent
        parents = [
            *(_uid("Role", role) for role in sorted(self.roles.union(talent.roles))),
            *(_uid("Group", group) for group in sorted(talent.groups)),
            _uid("Tenant", talent.tenant),
        ]
        attrs: dict[str, Any] = {
            "kind": self._kind,
            "tenant": _ref("Tenant", talent.tenant),
            "confidence_required": talent.confidence_required,
        }
        if talent.owner is not None:
            attrs["owner"] = _ref("Talent", talent.owner)
        found = [_entity(_uid("Talent", talent.id), attrs, parents)]
        if self.target:
            place = {"product": product_of(self.target), "tenant": _ref("Tenant", self.tenant)}
            found.append(_entity(_uid("Target", self.target), place, [_uid("Tenant", self.tenant)]))
        if self.capability:
            what = {
                "product": product_of(self.capability),
                "kind": self.capability_kind,
                "scopes": sorted(self.scopes),
            }
            found.append(_entity(_uid("Capability", self.capability), what, []))
        return found

    def ancestry(self, uid: Mapping[str, str]) -> frozenset[tuple[str, str]]:
        """The principal or resource of that uid, and all that it is in, as (type, id)."""
        found = {(uid["type"], uid["id"])}
        for entity in self.entities():
            if entity["uid"] == uid:
                found.update((parent["type"], parent["id"]) for parent in entity["parents"])
        return frozenset(found)

    def request(self) -> dict[str, Any]:
        """Principal, action, resource and context, in Cedar's JSON."""
        resource = _uid("Tenant", self.tenant) if self.action == READ_LOG else _uid("Target", self.target)
        return {
            "principal": _uid("Talent", self.talent.id),
            "action": _uid("Action", self.action),
            "resource": resource,
            "context": self._context(),
        }

    def _context(self) -> dict[str, Any]:
        at = self.at.astimezone(UTC)
        time = {"hour": at.hour, "weekday": at.isoweekday(), "epoch": int(at.timestamp())}
        if self.action == READ_LOG:
            return {"time": time}
        context: dict[str, Any] = {"capability": _ref("Capability", self.capability), "time": time}
        if self.action == APPROVE:
            return context
        context |= {
            "planned": self.planned,
            "dry_run": self.action == "dry_run",
            "changes": self.changes,
            "effects": sorted(set(self.effects)),
            "hazards": sorted(set(self.hazards)),
            "destructive": self.destructive,
            "invertible": self.invertible,
            "cost": {"currency": self.cost.currency, "millionths": int(self.cost.amount * 1_000_000)},
        }
        if self.confidence is not None:
            context["confidence"] = self.confidence
        return context


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _ref(kind: str, name: str) -> dict[str, dict[str, str]]:
    return {"__entity": _uid(kind, name)}


def _entity(uid: dict[str, str], attrs: dict[str, Any], parents: list[dict[str, str]]) -> dict[str, Any]:
    return {"uid": uid, "attrs": attrs, "parents": parents}
