"""Signatures that are not on this manifest, or not by the key they name."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import open_bundle
from infrafabric.registry.manifest import parse

if TYPE_CHECKING:
    from press import Press

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the Ed25519 group: adding it to a signature's scalar gives another encoding of the same signature."""


def refused(press: Press, signature: str) -> None:
    bundle = press.bundle()
    text = json.dumps({**parse(bundle.text).data, "signature": signature}).encode()
    with pytest.raises(FabricError) as caught:
        open_bundle(text, bundle.files)
    assert caught.value.code is Code.SIGNATURE_INVALID


def written(key: object, signature: bytes) -> str:
    return f"ed25519:{key}:{base64.b64encode(signature).decode()}"


def test_the_signature_of_another_manifest(press: Press) -> None:
    refused(press, press.bundle(version="2.0.0").manifest.all_signatures[0])


def test_the_signature_of_another_key_under_a_trusted_name(press: Press) -> None:
    stranger = press.bundle(key="stranger").manifest.all_signatures[0].split(":")[2]
    refused(press, f"ed25519:{press.key().public}:{stranger}")


def test_a_signature_without_the_domain(press: Press) -> None:
    data = {name: value for name, value in parse(press.bundle().text).data.items() if name != "signature"}
    refused(press, written(press.key().public, press.key().sign(canonical.dumps(data))))


def test_a_signature_made_as_for_a_trust_set(press: Press) -> None:
    data = {name: value for name, value in parse(press.bundle().text).data.items() if name != "signature"}
    message = canonical.signed_bytes("infrafabric-trust-v1", data)
    refused(press, written(press.key().public, press.key().sign(message)))


def test_another_encoding_of_a_good_signature(press: Press) -> None:
    raw = base64.b64decode(press.bundle().manifest.all_signatures[0].split(":")[2])
    scalar = int.from_bytes(raw[32:], "little") + ORDER
    refused(press, written(press.key().public, raw[:32] + scalar.to_bytes(32, "little")))


def test_another_base64_text_of_a_good_signature(press: Press) -> None:
    good = press.bundle().manifest.all_signatures[0]
    last = good[-3]
    assert last in "AQgw"  # four bits of it are not used
    refused(press, good[:-3] + chr(ord(last) + 1) + "==")


def test_a_signature_by_a_key_of_low_order(press: Press) -> None:
    identity = bytes([1] + [0] * 31)
    key = base64.b64encode(identity).decode()
    refused(press, written(key, identity + bytes(32)))  # holds for every message where such keys are taken


def test_one_bad_signature_beside_a_good_one(press: Press) -> None:
    bundle, other = press.bundle(), press.bundle(version="2.0.0", key="second")
    data = {name: value for name, value in parse(bundle.text).data.items() if name != "signature"}
    signatures = [*bundle.manifest.all_signatures, *other.manifest.all_signatures]
    with pytest.raises(FabricError) as caught:
        open_bundle(json.dumps({**data, "signatures": signatures}).encode(), bundle.files)
    assert caught.value.code is Code.SIGNATURE_INVALID
