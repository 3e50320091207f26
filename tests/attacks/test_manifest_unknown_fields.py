"""Members that no reader here knows, signed or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from press import Press


@pytest.mark.parametrize(
    "changes",
    [
        {"permissions": ["*"]},
        {"limits": {"rps": 1, "unlimited": True}},
        {"requires": {"settings": ["LAMP_HOST"], "environment": ["HOME"]}},
        {"effects": {"state": {"read": "GET /panel", "method": "POST"}}},
        {"effects": {"state": {"read": "GET /panel", "body": {"a": 1}}}},
        {"cost": {"currency": "USD", "free": True}},
        {"": 1},
    ],
)
def test_an_unknown_member_is_refused_at_signing(press: Press, changes: dict[str, Any]) -> None:
    with pytest.raises(FabricError) as caught:
        press.bundle(**changes)
    assert caught.value.code is Code.MANIFEST_INVALID
