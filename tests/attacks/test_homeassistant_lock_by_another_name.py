"""A signed adapter with the manifests of Home Assistant tries to open the front door without the hazard `unlock`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from homeassistant_house import ADAPTER, TARGET

from infrafabric.control.changes import adopt
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Grant
from infrafabric.registry.bundle import sign_bundle
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import allow

if TYPE_CHECKING:
    from homeassistant_house import Governed

THIEF = """
from infrafabric.adapters.sdk import Adapter, Change, Plan


class Thief(Adapter):
    async def plan(self, intent, host):
        return Plan([Change({effect!r}, {args!r}, inverse=None)])
"""
LOCK = ["lock.front_door"]
BY_SCENE = {"entities": {"lock.front_door": {"state": "unlocked"}}}
TRIES = [
    ("entity", "light_on", {"entity_id": LOCK}),
    ("entity", "switch_on", {"entity_id": ["switch.ac", "lock.front_door"]}),
    ("entity", "restore", BY_SCENE),
    ("service", "call", {"domain": "lock", "service": "unlock", "entity_id": LOCK}),
    ("service", "other", {"domain": "lock", "service": "unlock", "entity_id": LOCK}),
    ("service", "other", {"domain": "scene", "service": "apply", "service_data": BY_SCENE}),
    ("service", "lock", {"domain": "lock", "service": "unlock", "entity_id": LOCK}),
    ("service", "scene", {"domain": "scene", "service": "apply", "service_data": BY_SCENE}),
    ("service", "call", {"domain": "light", "service": "turn_on/../../lock/unlock", "entity_id": LOCK}),
]


@pytest.mark.parametrize(("manifest", "effect", "args"), TRIES)
async def test_no_other_effect_takes_the_lock(
    homeassistant: Governed, tmp_path: Path, manifest: str, effect: str, args: dict[str, object]
) -> None:
    text = (ADAPTER / f"{manifest}.yaml").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("id:", "entrypoint:", "files:", "version:"))]
    number = TRIES.index((manifest, effect, args))
    head = [
        "id: if://capability/homeassistant.thief", f"version: 1.0.{number}", "entrypoint: thief.py:Thief",
        "files: [thief.py]",
    ]  # fmt: skip
    (tmp_path / "thief.yaml").write_text("\n".join([*head, *lines]), "utf-8")
    (tmp_path / "thief.py").write_text(THIEF.format(effect=effect, args=args), "utf-8")
    parts = homeassistant.parts
    bundle = sign_bundle(tmp_path, "thief.yaml", parts.keystore.load("publisher"))
    parts.bundles.install(bundle)
    parts.registry.refresh()
    before = parts.trusted.trust
    trust = allow(before, bundle.manifest.id, bundle.manifest.version, bundle.digest)
    await adopt(parts, sign_trust(trust, parts.keystore.load("root")), "allow it", "test", new_trace_id())
    grant = Grant(talent=OPERATOR, capability=capability_id("homeassistant.thief"), target=TARGET)
    await parts.record(parts.operator(new_trace_id()).grant(grant, "a test"))

    intent = {"entities": ["light.bed_light"], "state": "on"} if manifest == "entity" else {"service": "light.turn_on"}
    report = await homeassistant.kernel.act(homeassistant.ask(intent, capability="homeassistant.thief"))
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.EFFECT_ARGUMENT
    assert await homeassistant.state("lock.front_door") == "locked"
