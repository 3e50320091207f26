"""An operator who would do without the root keys: a grace for months, or one stretched after it was signed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.signed_json import sign_document
from infrafabric.registry.trust_expiry import DOMAIN, MAX_GRACE, instant, make_grace, read_grace

if TYPE_CHECKING:
    from press import Press

LOG = "example.org/log"
LOADED = "sha256:" + "1" * 64


@pytest.mark.parametrize("longest", [MAX_GRACE, timedelta(days=3_650)], ids=["default", "loosened"])
def test_no_setting_takes_a_grace_of_months(press: Press, longest: timedelta) -> None:
    trusted = press.trusted(press.trust())
    until = instant(trusted.trust.expires_at + timedelta(days=90))
    signed = {"format": DOMAIN, "trust": trusted.digest, "origin": LOG, "until": until, "covers": [LOADED], "why": "x"}
    with pytest.raises(FabricError) as caught:
        read_grace(sign_document(DOMAIN, signed, press.key("operator")), trusted, LOG, longest)
    assert caught.value.code is Code.GRACE_TOO_LONG


@pytest.mark.parametrize("member", ["until", "covers"])
def test_a_signed_grace_cannot_be_stretched(press: Press, member: str) -> None:
    trusted = press.trusted(press.trust())
    expires = trusted.trust.expires_at
    document = make_grace(trusted, LOG, [LOADED], expires + timedelta(days=1), "x", press.key("operator"))
    parts = json.loads(document)
    other = {"until": instant(expires + timedelta(days=9)), "covers": [LOADED, "sha256:" + "2" * 64]}
    parts["signed"][member] = other[member]
    with pytest.raises(FabricError) as caught:
        read_grace(json.dumps(parts).encode(), trusted, LOG)
    assert caught.value.code is Code.OPERATOR_UNKNOWN
