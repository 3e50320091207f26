"""A bundle that was revoked, before and after it was loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import trust_edit

if TYPE_CHECKING:
    from press import Press


def test_a_revoked_bundle_does_not_load_although_it_is_allowed(press: Press) -> None:
    bundle = press.bundle()
    trust = trust_edit.revoke_digest(press.trust(bundle), bundle.digest, "leaks")
    with pytest.raises(FabricError, match="leaks") as caught:
        press.registry(bundle, trust=trust).resolve(bundle.manifest.id)
    assert caught.value.code is Code.DIGEST_REVOKED


def test_what_is_loaded_is_unloaded_and_only_that(press: Press) -> None:
    bundle, other = press.bundle(), press.bundle(id="if://capability/lamp.desk")
    trust = press.trust(bundle, other)
    registry = press.registry(bundle, other, trust=trust)
    capability, kept = registry.resolve(bundle.manifest.id), registry.resolve(other.manifest.id)
    gone = registry.update_trust(press.trusted(trust_edit.revoke_digest(trust, bundle.digest, "leaks")))
    assert [(it.capability.digest, it.reason.code) for it in gone] == [(bundle.digest, Code.DIGEST_REVOKED)]
    with pytest.raises(FabricError) as caught:
        registry.recheck(capability)
    assert caught.value.code is Code.DIGEST_REVOKED
    registry.recheck(kept)
