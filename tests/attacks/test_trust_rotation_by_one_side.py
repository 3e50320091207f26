"""New root keys that only the old ones, or only the new ones, have signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import trust_edit
from infrafabric.registry.trust import advance, sign_trust

if TYPE_CHECKING:
    from press import Press


@pytest.mark.parametrize("signers", [["root"], ["n1", "n2"], ["root", "n1"], ["n1", "n1", "root"]])
def test_it_is_refused(press: Press, signers: list[str]) -> None:
    current = press.trusted(press.trust())
    rotated = trust_edit.rotate_root(current.trust, [press.key("n1").public, press.key("n2").public], 2)
    with pytest.raises(FabricError) as caught:
        advance(current, sign_trust(rotated, *map(press.key, signers)), press.now)
    assert caught.value.code is Code.TRUST_THRESHOLD


def test_an_attacker_does_not_slip_in_beside_the_old_keys(press: Press) -> None:
    current = press.trusted(press.trust())
    widened = trust_edit.rotate_root(current.trust, [press.key("root").public, press.key("attacker").public], 1)
    with pytest.raises(FabricError) as caught:
        advance(current, sign_trust(widened, press.key("attacker")), press.now)
    assert caught.value.code is Code.TRUST_THRESHOLD
