"""A bundle signed by a key that was revoked, before and after it was loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import trust_edit
from infrafabric.registry.bundle import add_signature

if TYPE_CHECKING:
    from press import Press


def test_nothing_by_a_revoked_key_loads(press: Press) -> None:
    bundle = press.bundle()
    trust = trust_edit.revoke_key(press.trust(bundle), press.key().public, "stolen")
    with pytest.raises(FabricError, match="stolen") as caught:
        press.registry(bundle, trust=trust).resolve(bundle.manifest.id)
    assert caught.value.code is Code.KEY_REVOKED


def test_what_is_loaded_is_unloaded(press: Press) -> None:
    bundle = press.bundle()
    trust = press.trust(bundle)
    registry = press.registry(bundle, trust=trust)
    capability = registry.resolve(bundle.manifest.id)
    gone = registry.update_trust(press.trusted(trust_edit.revoke_key(trust, press.key().public, "stolen")))
    assert [(it.capability.digest, it.reason.code) for it in gone] == [(bundle.digest, Code.KEY_REVOKED)]
    with pytest.raises(FabricError) as caught:
        registry.recheck(capability)
    assert caught.value.code is Code.KEY_REVOKED


def test_a_revoked_key_does_not_count_towards_a_threshold(press: Press) -> None:
    keys = [press.key(name).public for name in ("publisher", "second")]
    bundle = press.bundle()
    trust = trust_edit.add_publisher(press.trust(bundle), "acme", keys, ["lamp.*"], threshold=2)
    trust = trust_edit.revoke_key(trust, keys[1], "stolen")
    with pytest.raises(FabricError) as caught:
        press.registry(add_signature(bundle, press.key("second")), trust=trust).resolve(bundle.manifest.id)
    assert caught.value.code is Code.KEY_REVOKED


def test_a_key_stays_revoked_when_its_publisher_is_taken_away(press: Press) -> None:
    bundle = press.bundle()
    trust = trust_edit.revoke_key(press.trust(bundle), press.key().public, "stolen")
    trust = trust_edit.remove_publisher(trust, "acme")
    with pytest.raises(FabricError) as caught:
        press.registry(bundle, trust=trust).resolve(bundle.manifest.id)
    assert caught.value.code is Code.KEY_REVOKED
