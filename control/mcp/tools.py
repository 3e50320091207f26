"""Which tools a talent has: one for each capability that it was granted, and those by which actions are handled.

A capability's tool takes the intent by the JSON Schema of its signed manifest. What the tools are called is a name that
every client takes: letters, digits and underscores, at most 64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp_types import Tool, ToolAnnotations

from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.granting import standing
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.manifest import Kind, Manifest
from infrafabric.kernel.words.names import product_of, short_name
from infrafabric.kernel.words.things import Talent, Target

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["HANDLING", "MAX_AWAIT_S", "Offer", "offers", "tool_names", "tools"]

MAX_AWAIT_S = 600
_MAX_NAME = 64
_SUMMARY = 500

_USABLE = frozenset({"grants/talent", "grants/group", "grants/only"})
"""What a grant may say that lets its holder ask at all: a narrowed one allows some intents."""

_WHY = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1_000,
    "description": "Why: one sentence for the people who read the log, and who may be asked to approve.",
}
_ACTION = {"type": "string", "minLength": 36, "maxLength": 36, "description": "Id of the action."}
_KEY = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "description": "The same key and intent is done once, however often it is asked for.",
}
_EXPECT = {
    "type": "string",
    "pattern": "^sha256:[0-9a-f]{64}$",
    "description": "changes_digest of a plan that was looked at: any other plan is refused as stale.",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A capability that a talent may use, and where."""

    manifest: Manifest
    targets: tuple[str, ...]

    @property
    def reads_only(self) -> bool:
        return all(effect.write is None for effect in self.manifest.effects.values())

    @property
    def destructive(self) -> bool:
        return any(effect.destructive for effect in self.manifest.effects.values())


def offers(house: House, talent: Talent) -> list[Offer]:
    """What the talent was granted and may be used now, in order of names. Reads what is at hand, asks no target."""
    facts, now = house.authority, house.clock()
    targets = [Target.model_validate(value) for _, value in facts.scan("target")]
    found = []
    for row in house.registry.list():
        manifest = row.manifest
        if manifest is None or row.reason is not None:
            continue
        fitting = [target for target in targets if target.name.startswith(f"{product_of(manifest.id)}@")]
        granted = tuple(
            target.name for target in fitting if standing(facts, talent, manifest, target, {}, now).rule in _USABLE
        )
        if granted:
            found.append(Offer(manifest, granted))
    return sorted(found, key=lambda offer: offer.manifest.id)


def tool_names(found: Sequence[Offer]) -> dict[str, Offer]:
    """The tools' names. Two capabilities whose names would be the same are told apart by a hash of their ids."""
    names: dict[str, Offer] = {}
    for offer in found:
        name = short_name(offer.manifest.id).replace(".", "_")
        if name in names or name in HANDLING or len(name) > _MAX_NAME:
            name = f"{name[:55]}_{hashlib.sha256(offer.manifest.id.encode()).hexdigest()[:8]}"
        names[name] = offer
    return names


def tools(found: Sequence[Offer], scopes: frozenset[AccessScope]) -> list[Tool]:
    """The tools of a talent with those offers, for credentials with those scopes."""
    listed = [_capability(name, offer) for name, offer in tool_names(found).items() if AccessScope.ACT in scopes]
    names = [short_name(offer.manifest.id) for offer in found]
    for name, (needed, make) in HANDLING.items():
        if needed in scopes:
            listed.append(make(name, names))
    return listed


def _capability(name: str, offer: Offer) -> Tool:
    manifest = offer.manifest
    state = manifest.kind is Kind.STATE
    hazards = sorted({hazard for effect in manifest.effects.values() for hazard in effect.hazards})
    lines = [
        visible(manifest.summary, _SUMMARY) + ".",
        "Brings the state about that the intent names; nothing is done where it holds already."
        if state
        else "Does exactly one act each time it is called.",
        f"Acts on {', '.join(offer.targets)}.",
    ]
    if hazards:
        lines.append(f"Hazards: {', '.join(hazards)}; people may have to approve first.")
    return Tool(
        name=name,
        title=short_name(manifest.id),
        description=" ".join(lines),
        input_schema=_object(
            {
                "intent": _nested(dict(manifest.intent)),
                "why": _WHY,
                "target": {"enum": list(offer.targets), "description": "What it is done to."},
                "idempotency_key": _KEY,
                "expect": _EXPECT,
            },
            ["intent", "why", *(["target"] if len(offer.targets) > 1 else [])],
        ),
        output_schema=_REPORT,
        annotations=ToolAnnotations(
            title=visible(manifest.summary, 100),
            read_only_hint=offer.reads_only,
            destructive_hint=offer.destructive,
            idempotent_hint=state,
            open_world_hint=True,
        ),
    )


def _nested(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as it reads under `intent`: its references to itself point there. It says which dialect no more."""
    schema.pop("$schema", None)

    def moved(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: _pointer(one) if key in ("$ref", "$dynamicRef") else moved(one) for key, one in value.items()}
        return [moved(one) for one in value] if isinstance(value, (list, tuple)) else value

    found: dict[str, Any] = moved(schema)
    return found


def _pointer(reference: Any) -> Any:
    if isinstance(reference, str) and (reference == "#" or reference.startswith("#/")):
        return f"#/properties/intent{reference[1:]}"
    return reference


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_REPORT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "action": {"type": "string"},
        "trace": {"type": "string"},
        "outcome": {"type": "string"},
        "message": {"type": "string"},
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "remedy": {"type": "string"},
                "retry_after": {"type": "number"},
            },
            "required": ["code", "message", "remedy"],
        },
    },
}
"""What every tool answers with, and more that depends on the tool."""


def _asking(title: str, what: str, *, writes: bool) -> Any:
    def made(name: str, capabilities: list[str]) -> Tool:
        properties: dict[str, Any] = {
            "capability": {"enum": capabilities} if capabilities else {"type": "string"},
            "intent": {"type": "object", "description": "As the capability's own tool takes it."},
            "target": {"type": "string", "description": "Needed where there is more than one."},
            "why": _WHY,
        }
        if writes:
            properties |= {"idempotency_key": _KEY, "expect": _EXPECT}
            properties["falsify"] = {"type": "boolean", "description": "Try to refute the plan before it is applied."}
        return Tool(
            name=name,
            title=title,
            description=what,
            input_schema=_object(properties, ["capability", "intent", "why"]),
            output_schema=_REPORT,
            annotations=ToolAnnotations(title=title, read_only_hint=not writes, open_world_hint=True),
        )

    return made


def _about(title: str, what: str, more: dict[str, Any], *, writes: bool, required: Sequence[str] = ()) -> Any:
    def made(name: str, capabilities: list[str]) -> Tool:
        return Tool(
            name=name,
            title=title,
            description=what,
            input_schema=_object({"action": _ACTION, **more}, ["action", *required]),
            output_schema=_REPORT,
            annotations=ToolAnnotations(
                title=title, read_only_hint=not writes, destructive_hint=writes, open_world_hint=writes
            ),
        )

    return made


HANDLING: Mapping[str, tuple[AccessScope, Any]] = {
    "plan": (
        AccessScope.PLAN,
        _asking("Plan", "What would change, and whether people would have to agree. Nothing is written.", writes=False),
    ),
    "dry_run": (
        AccessScope.PLAN,
        _asking("Dry run", "Goes all the way of an apply, and writes nothing.", writes=False),
    ),
    "apply": (
        AccessScope.ACT,
        _asking(
            "Apply",
            "Plans, has it decided, performs the changes, and looks again whether they took. Where people must agree "
            "the outcome is `waiting`: then call `await_approval`.",
            writes=True,
        ),
    ),
    "undo": (
        AccessScope.ACT,
        _about("Undo", "Takes back what an action changed.", {"why": _WHY}, writes=True, required=["why"]),
    ),
    "cancel": (
        AccessScope.ACT,
        _about(
            "Cancel",
            "Stops an action before its next write, or withdraws it from the people who are asked.",
            {"why": _WHY},
            writes=True,
            required=["why"],
        ),
    ),
    "await_approval": (
        AccessScope.READ,
        _about(
            "Await approval",
            "Waits until people have answered, and tells what became of the action; `waiting` if nobody has yet.",
            {"timeout_s": {"type": "number", "minimum": 0, "maximum": MAX_AWAIT_S, "default": 60}},
            writes=False,
        ),
    ),
    "receipt": (
        AccessScope.READ,
        _about(
            "Receipt",
            "The proof of an action, as JSON text: `ifctl witness verify` checks it without asking anyone.",
            {},
            writes=False,
        ),
    ),
}
"""The tools that every talent has: the scope that each needs, and how it is described."""
