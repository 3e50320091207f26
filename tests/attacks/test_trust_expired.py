"""A trust set that has expired, shown as if it still held."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import trust_edit
from infrafabric.registry.trust import Seen, advance, load, sign_trust

if TYPE_CHECKING:
    from press import Press


def test_nothing_loads_and_nothing_goes_on_under_it(press: Press) -> None:
    bundle = press.bundle()
    trust = press.trust(bundle)
    registry = press.registry(bundle, trust=trust)
    capability = registry.resolve(bundle.manifest.id)
    press.now = press.trusted(trust).trust.expires_at + timedelta(seconds=1)
    for ask in (lambda: registry.resolve(bundle.manifest.id), lambda: registry.recheck(capability)):
        with pytest.raises(FabricError) as caught:
            ask()
        assert caught.value.code is Code.TRUST_EXPIRED


def test_the_root_keys_can_renew_it(press: Press) -> None:
    bundle = press.bundle()
    trust = press.trust(bundle)
    registry = press.registry(bundle, trust=trust)
    current = press.trusted(trust)
    press.now = current.trust.expires_at + timedelta(days=400)
    renewed = trust_edit.renew(trust, press.now + timedelta(days=365))
    registry.update_trust(advance(current, sign_trust(renewed, press.key("root")), press.now))
    assert registry.resolve(bundle.manifest.id).digest == bundle.digest


def test_an_edited_expiry_breaks_the_signature(press: Press) -> None:
    document = press.trusted(press.trust()).document.replace(b"2027-11-21", b"2099-11-21")
    with pytest.raises(FabricError) as caught:
        load(document, Seen())
    assert caught.value.code is Code.TRUST_THRESHOLD
