"""A trust set of the attacker's own making, signed well by its own root keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.trust import Seen, advance, load, sign_trust

if TYPE_CHECKING:
    from press import Press


def own(press: Press) -> bytes:
    key = press.key("attacker")
    return sign_trust(press.trust(version=9, root_keys=[str(key.public)]), key)


def test_it_does_not_load_where_the_log_names_another(press: Press) -> None:
    seen = press.trusted(press.trust())
    with pytest.raises(FabricError) as caught:
        load(own(press), Seen(1, seen.digest))
    assert caught.value.code is Code.TRUST_INVALID


def test_it_is_not_advanced_to(press: Press) -> None:
    with pytest.raises(FabricError) as caught:
        advance(press.trusted(press.trust()), own(press), press.now)
    assert caught.value.code is Code.TRUST_THRESHOLD
