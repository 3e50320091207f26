"""A trusted publisher signs a capability that it may not sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import trust_edit

if TYPE_CHECKING:
    from press import Press


@pytest.mark.parametrize("capability", ["desk.panel", "lamps.panel", "lamp_x.panel", "la.mp.panel"])
def test_an_id_outside_the_patterns(press: Press, capability: str) -> None:
    bundle = press.bundle(id=f"if://capability/{capability}")
    with pytest.raises(FabricError) as caught:
        press.registry(bundle).resolve(bundle.manifest.id)
    assert caught.value.code is Code.PUBLISHER_NOT_ENTITLED


def test_a_second_publisher_does_not_lend_its_patterns(press: Press) -> None:
    bundle = press.bundle(id="if://capability/desk.panel")
    trust = trust_edit.add_publisher(press.trust(bundle), "desks", [press.key("desks").public], ["desk.*"])
    with pytest.raises(FabricError) as caught:
        press.registry(bundle, trust=trust).resolve(bundle.manifest.id)
    assert caught.value.code is Code.PUBLISHER_NOT_ENTITLED
