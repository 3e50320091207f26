"""Too few root keys, or one of them several times."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.trust import Seen, TrustSet, load, sign_trust

if TYPE_CHECKING:
    from press import Press


def two_of_three(press: Press) -> TrustSet:
    return press.trust(root_keys=[str(press.key(name).public) for name in "abc"], threshold=2)


def refused(document: bytes) -> None:
    with pytest.raises(FabricError) as caught:
        load(document, Seen())
    assert caught.value.code is Code.TRUST_THRESHOLD


def test_one_of_two(press: Press) -> None:
    refused(sign_trust(two_of_three(press), press.key("a")))


def test_none(press: Press) -> None:
    refused(sign_trust(two_of_three(press)))


def test_one_and_strangers(press: Press) -> None:
    refused(sign_trust(two_of_three(press), *map(press.key, ["a", "x", "y", "publisher", "operator"])))


def test_one_and_a_bad_signature_by_another(press: Press) -> None:
    parts = json.loads(sign_trust(two_of_three(press), press.key("a"), press.key("b")))
    parts["signatures"][1]["sig"] = parts["signatures"][0]["sig"]
    refused(json.dumps(parts).encode())
