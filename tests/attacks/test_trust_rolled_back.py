"""An older trust set, or another one of a version that was seen, in the place of the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.trust import Seen, advance, load, sign_trust

if TYPE_CHECKING:
    from press import Press


def test_an_older_set_does_not_load(press: Press) -> None:
    old = press.trusted(press.trust(version=4))
    with pytest.raises(FabricError) as caught:
        load(old.document, Seen(version=5))
    assert caught.value.code is Code.TRUST_ROLLBACK


def test_another_set_of_the_version_seen_does_not_load(press: Press) -> None:
    seen = press.trusted(press.trust(version=5))
    other = press.trusted(press.trust(version=5, operator_keys=[]))
    with pytest.raises(FabricError) as caught:
        load(other.document, Seen(5, seen.digest))
    assert caught.value.code is Code.TRUST_ROLLBACK


@pytest.mark.parametrize("version", [4, 5])
def test_a_set_that_does_not_rise_is_not_advanced_to(press: Press, version: int) -> None:
    current = press.trusted(press.trust(version=5))
    document = sign_trust(press.trust(version=version, operator_keys=[]), press.key("root"))
    with pytest.raises(FabricError) as caught:
        advance(current, document, press.now)
    assert caught.value.code is Code.TRUST_ROLLBACK
