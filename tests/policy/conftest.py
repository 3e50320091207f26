"""A capability, a target and a talent to ask about."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from infrafabric.kernel.ports import Capability
from infrafabric.kernel.words.manifest import Effect, Kind, Limits, Manifest

MakeCapability = Callable[..., Capability]


@pytest.fixture
def make_capability() -> MakeCapability:
    def made(rps: float = 5, burst: int = 10, name: str = "lamp.switch", scopes: tuple[str, ...] = ()) -> Capability:
        manifest = Manifest(
            id=f"if://capability/{name}",
            version="1.0.0",
            summary="Switch a lamp",
            kind=Kind.STATE,
            runtime="python/1",
            entrypoint="adapter.py:Lamp",
            intent={"type": "object", "additionalProperties": False},
            driver="http",
            scopes=scopes,
            effects={"look": Effect(read="GET /lamp")},
            limits=Limits(rps=rps, burst=burst),
        )
        return Capability(manifest=manifest, digest="sha256:" + "0" * 64, publisher="me", files={}, records=())

    return made
