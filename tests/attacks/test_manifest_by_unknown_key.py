"""A bundle signed well by a key that no trusted publisher holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from press import Press


def test_a_stranger_signs(press: Press) -> None:
    bundle = press.bundle(key="stranger")
    with pytest.raises(FabricError) as caught:
        press.registry(bundle).resolve(bundle.manifest.id)  # allowed by digest, and even so
    assert caught.value.code is Code.PUBLISHER_UNKNOWN
    assert str(press.key("stranger").public) in caught.value.message


@pytest.mark.parametrize("name", ["root", "operator"])
def test_the_keys_of_the_house_sign_no_adapters(press: Press, name: str) -> None:
    bundle = press.bundle(key=name)
    with pytest.raises(FabricError) as caught:
        press.registry(bundle).resolve(bundle.manifest.id)
    assert caught.value.code is Code.PUBLISHER_UNKNOWN
