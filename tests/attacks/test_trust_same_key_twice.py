"""One root key that signs several times, to reach a threshold alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import trust_edit
from infrafabric.registry.bundle import open_bundle
from infrafabric.registry.manifest import parse
from infrafabric.registry.trust import Seen, load, sign_trust

if TYPE_CHECKING:
    from press import Press


def test_its_signatures_count_once(press: Press) -> None:
    trust = press.trust(root_keys=[str(press.key(name).public) for name in "ab"], threshold=2)
    with pytest.raises(FabricError, match="1 of its own root keys") as caught:
        load(sign_trust(trust, *[press.key("a")] * 5), Seen())
    assert caught.value.code is Code.TRUST_THRESHOLD


def test_it_cannot_be_named_twice_among_the_root_keys(press: Press) -> None:
    key = press.key("a").public
    with pytest.raises(FabricError) as caught:
        trust_edit.rotate_root(press.trust(), [key, key], 2)
    assert caught.value.code is Code.TRUST_INVALID


def test_a_publishers_key_counts_once_on_a_manifest(press: Press) -> None:
    bundle = press.bundle()
    data = {name: value for name, value in parse(bundle.text).data.items() if name != "signature"}
    text = json.dumps({**data, "signatures": list(bundle.manifest.all_signatures) * 2}).encode()
    twice = open_bundle(text, bundle.files)
    keys = [press.key().public, press.key("second").public]
    trust = trust_edit.add_publisher(press.trust(twice), "acme", keys, ["lamp.*"], threshold=2)
    with pytest.raises(FabricError) as caught:
        press.registry(twice, trust=trust).resolve(bundle.manifest.id)
    assert caught.value.code is Code.SIGNATURE_THRESHOLD
