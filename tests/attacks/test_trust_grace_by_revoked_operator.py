"""A grace by an operator whose key was revoked, given before or after that; or by no operator at all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import trust_edit
from infrafabric.registry.signed_json import sign_document
from infrafabric.registry.trust_expiry import DOMAIN, make_grace, read_grace

if TYPE_CHECKING:
    from press import Press

LOG = "example.org/log"


def test_given_after_the_revocation(press: Press) -> None:
    keys = [str(press.key(name).public) for name in ("operator", "second")]
    trust = trust_edit.revoke_key(press.trust(operator_keys=keys), press.key("operator").public, "stolen")
    trusted, bundle = press.trusted(trust), press.bundle()
    until = trusted.trust.expires_at + timedelta(days=1)
    with pytest.raises(FabricError) as caught:
        make_grace(trusted, LOG, [bundle.digest], until, "x", press.key("operator"))
    assert caught.value.code is Code.OPERATOR_UNKNOWN
    document = make_grace(trusted, LOG, [bundle.digest], until, "x", press.key("second"))
    assert read_grace(document, trusted, LOG).operators == (keys[1],)


def test_given_before_the_revocation(press: Press) -> None:
    bundle = press.bundle()
    keys = [str(press.key(name).public) for name in ("operator", "second")]
    trust = press.trust(bundle, operator_keys=keys)
    before = press.trusted(trust)
    until = before.trust.expires_at + timedelta(days=1)
    document = make_grace(before, LOG, [bundle.digest], until, "x", press.key("operator"))
    given = read_grace(document, before, LOG)
    registry = press.registry(bundle, trust=trust)
    registry.update_trust(before, given)
    press.now = before.trust.expires_at
    registry.resolve(bundle.manifest.id)

    after = press.trusted(trust_edit.revoke_key(trust, press.key("operator").public, "stolen"))
    registry.update_trust(after, given)
    with pytest.raises(FabricError) as caught:
        registry.resolve(bundle.manifest.id)
    assert caught.value.code is Code.TRUST_EXPIRED
    with pytest.raises(FabricError) as caught:
        read_grace(document, after, LOG)
    assert caught.value.code is Code.GRACE_INVALID


@pytest.mark.parametrize("name", ["root", "publisher", "stranger"])
def test_given_by_no_operator(press: Press, name: str) -> None:
    trusted = press.trusted(press.trust())
    signed = {
        "format": DOMAIN, "trust": trusted.digest, "origin": LOG, "until": trusted.trust.expires,
        "covers": ["sha256:" + "1" * 64], "why": "x",
    }  # fmt: skip
    with pytest.raises(FabricError) as caught:
        read_grace(sign_document(DOMAIN, signed, press.key(name)), trusted, LOG)
    assert caught.value.code is Code.OPERATOR_UNKNOWN
