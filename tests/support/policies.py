"""Policies to ask: facts as an authority gives them, and a question about a lamp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.ports import Capability, Question
from infrafabric.kernel.words.manifest import Effect, Kind, Limits, Manifest
from infrafabric.kernel.words.plan import Call, Change, Plan
from infrafabric.kernel.words.things import Grant, Talent, Target
from infrafabric.policy.cedar import Judged, load_policies
from infrafabric.policy.files import digest_of
from infrafabric.policy.schema import Asking

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""A Monday."""
AGENT = Talent(id="if://agent/Studio.Agent", owner="if://person/Ada")
PERSON = Talent(id="if://person/Ada")
TARGET = Target(name="lamp@hall")
PERMIT = '@id("all") permit (principal, action, resource);\n'


def manifest(name: str = "lamp.switch", rps: float = 5, burst: int = 10, scopes: tuple[str, ...] = ()) -> Manifest:
    effects = {
        "look": Effect(read="GET /lamp"),
        "switch": Effect(write="POST /lamp"),
        "smash": Effect(write="DELETE /lamp", destructive=True),
    }
    return Manifest(
        id=f"if://capability/{name}",
        version="1.0.0",
        summary="Switch a lamp",
        kind=Kind.STATE,
        runtime="python/1",
        entrypoint="adapter.py:Lamp",
        intent={"type": "object", "additionalProperties": False},
        driver="http",
        scopes=scopes,
        effects=effects,
        limits=Limits(rps=rps, burst=burst),
    )


def capability(name: str = "lamp.switch", **changed: Any) -> Capability:
    return Capability(
        manifest=manifest(name, **changed), digest="sha256:" + "0" * 64, publisher="me", files={}, records=()
    )


def plan(*effects: str) -> Plan:
    inverse = Call(effect="switch")
    return Plan(
        changes=tuple(
            Change(id=f"change-{n}", effect=effect, inverse=inverse if effect == "switch" else None)
            for n, effect in enumerate(effects, 1)
        )
    )


def question(**changed: Any) -> Question:
    members: dict[str, Any] = {
        "talent": AGENT,
        "capability": capability(),
        "target": TARGET,
        "plan": plan("switch"),
        "hazards": (),
        "dry_run": False,
    }
    return Question(**{**members, **changed})


class Rows:
    """Facts by table and key, of a log without entries at first."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Any] = {}

    def get(self, table: str, key: str) -> Any | None:
        return self.rows.get((table, key))

    def stored(self, table: str, key: str) -> bytes | None:
        value = self.rows.get((table, key))
        return None if value is None else dumps(value)

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        return [(key, value) for (name, key), value in self.rows.items() if name == table and key.startswith(prefix)]


class Records(Rows):
    """Facts as `Authority` gives them: talents, grants of the lamp to each, and policies."""

    def __init__(self, files: Mapping[str, str] | None, *talents: Talent) -> None:
        super().__init__()
        for talent in talents or (AGENT, PERSON):
            grant = Grant(talent=talent.id, capability="if://capability/lamp.switch", target=TARGET.name)
            self.rows["talent", talent.id] = {**talent.as_json(), "revoked": False}
            self.rows["grant", grant.key] = grant.as_json()
        self.load(files)

    def load(self, files: Mapping[str, str] | None) -> None:
        if files is None:
            self.rows.pop(("policy", "set"), None)
        else:
            self.rows["policy", "set"] = {"digest": digest_of(files), "files": dict(files)}

    def record(self, table: str, key: str) -> str:
        stored = self.stored(table, key)
        return "" if stored is None else sha256(stored)


def judged(text: str, **asked: Any) -> Judged:
    """What the policies of `text` say to an agent's apply of one change."""
    members: dict[str, Any] = {
        "action": "apply",
        "talent": AGENT,
        "at": NOON,
        "capability": "lamp.switch",
        "target": TARGET.name,
        "changes": 1,
    }
    return load_policies({"a.cedar": text}).judge(Asking(**{**members, **asked}))
