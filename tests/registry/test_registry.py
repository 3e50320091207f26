"""The registry: from an id to a capability, or the reason why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Registry
from infrafabric.registry import trust_edit
from infrafabric.registry.bundle import add_signature
from infrafabric.registry.registry import AdapterRegistry, precedence
from infrafabric.registry.store import BundleStore
from infrafabric.registry.trust import TrustSet
from infrafabric.registry.trust_expiry import make_grace, read_grace

if TYPE_CHECKING:
    from press import Press

LAMP = "if://capability/lamp.panel"


def refusal(registry: AdapterRegistry, capability_id: str = LAMP) -> FabricError:
    with pytest.raises(FabricError) as caught:
        registry.resolve(capability_id)
    return caught.value


def test_an_allowed_bundle_resolves(press: Press) -> None:
    bundle = press.bundle()
    registry: Registry = press.registry(bundle)
    capability = registry.resolve(LAMP)
    assert (capability.manifest, capability.digest, capability.publisher) == (bundle.manifest, bundle.digest, "acme")
    assert capability.files == {"panel.py": press.code}
    registry.recheck(capability)
    assert registry.resolve(LAMP) is capability


def test_the_highest_allowed_version_is_taken(press: Press) -> None:
    bundles = [press.bundle(version=version) for version in ("1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0")]
    registry = press.registry(*bundles, trust=press.trust(*bundles[:3]))
    assert registry.resolve(LAMP).manifest.version == "2.0.0-rc.1"


def test_a_revoked_version_gives_way_to_the_next(press: Press) -> None:
    old, new = press.bundle(version="1.0.0"), press.bundle(version="1.1.0")
    trust = trust_edit.revoke_digest(press.trust(old, new), new.digest, "leaks")
    assert press.registry(old, new, trust=trust).resolve(LAMP).manifest.version == "1.0.0"


def test_where_none_may_be_loaded_the_allowed_one_says_why(press: Press) -> None:
    allowed, newer = press.bundle(version="1.0.0"), press.bundle(version="9.0.0")
    trust = trust_edit.revoke_digest(press.trust(allowed), allowed.digest, "leaks")
    error = refusal(press.registry(allowed, newer, trust=trust))
    assert error.code is Code.DIGEST_REVOKED
    assert "leaks" in error.message


def test_an_unknown_id(press: Press) -> None:
    assert refusal(press.registry(), LAMP).code is Code.CAPABILITY_UNKNOWN


def test_an_allowed_bundle_that_is_not_installed(press: Press) -> None:
    assert refusal(press.registry(trust=press.trust(press.bundle()))).code is Code.BUNDLE_MISSING


def test_without_a_trust_set_nothing_loads(press: Press) -> None:
    store = BundleStore(press.folder / "bundles")
    store.install(press.bundle())
    registry = AdapterRegistry(store, None, now=lambda: press.now)
    assert refusal(registry).code is Code.TRUST_MISSING
    assert refusal(registry, "if://capability/no.such").code is Code.TRUST_MISSING


def test_another_bundle_of_an_allowed_version_is_not_allowed(press: Press) -> None:
    allowed = press.bundle()
    other = press.bundle({"panel.py": b"class Panel: evil = True\n"})
    error = refusal(press.registry(other, trust=press.trust(allowed)))
    assert error.code is Code.BUNDLE_MISSING
    with pytest.raises(FabricError) as caught:
        press.registry(other, trust=press.trust(allowed)).examine(other)
    assert caught.value.code is Code.NOT_ALLOWED


def test_a_bundle_allowed_under_another_id_is_not_that(press: Press) -> None:
    bundle = press.bundle(id="if://capability/lamp.desk")
    trust = press.trust(
        bundle, allow={f"{LAMP}@1.0.0": bundle.digest, "if://capability/lamp.desk@1.0.0": bundle.digest}
    )
    registry = press.registry(bundle, trust=trust)
    assert refusal(registry).code is Code.CAPABILITY_UNKNOWN
    assert registry.resolve("if://capability/lamp.desk").digest == bundle.digest


def test_a_publisher_may_ask_for_more_than_one_signature(press: Press) -> None:
    keys = [str(press.key(name).public) for name in ("publisher", "second")]
    bundle = press.bundle()
    trust = press.trust(bundle, publishers={"acme": {"keys": keys, "patterns": ["lamp.*"], "threshold": 2}})
    registry = press.registry(bundle, trust=trust)
    assert refusal(registry).code is Code.SIGNATURE_THRESHOLD
    registry = press.registry(add_signature(bundle, press.key("second")), trust=trust)
    assert registry.resolve(LAMP).publisher == "acme"


def test_a_bundle_signed_again_by_a_good_key_outlives_a_revoked_one(press: Press) -> None:
    keys = [str(press.key(name).public) for name in ("publisher", "second")]
    bundle = add_signature(press.bundle(), press.key("second"))
    trust = press.trust(bundle, publishers={"acme": {"keys": keys, "patterns": ["lamp.*"]}})
    revoked = trust_edit.revoke_key(trust, press.key().public, "lost")
    assert press.registry(bundle, trust=revoked).resolve(LAMP).publisher == "acme"


def test_records_name_what_allowed_it_and_nothing_else(press: Press) -> None:
    bundle = press.bundle()
    trust = press.trust(bundle)
    registry = press.registry(bundle, trust=trust)
    before = registry.resolve(LAMP).records
    renewed = trust_edit.renew(trust, datetime(2028, 1, 1, tzinfo=UTC))
    registry.update_trust(press.trusted(renewed))
    assert registry.resolve(LAMP).records == before
    widened = trust_edit.add_publisher(renewed, "acme", [press.key().public], ["lamp.*", "desk.*"])
    registry.update_trust(press.trusted(widened))
    assert registry.resolve(LAMP).records != before


# --- what must stop ------------------------------------------------------------------------------------------------


def must_stop(press: Press, registry: AdapterRegistry, code: Code, trust: TrustSet) -> None:
    capability = registry.resolve(LAMP)
    gone = registry.update_trust(press.trusted(trust))
    assert [(it.capability, it.reason.code) for it in gone] == [(capability, code)]
    with pytest.raises(FabricError) as caught:
        registry.recheck(capability)
    assert caught.value.code is code
    assert refusal(registry).code is code
    assert registry.loaded() == ()


def test_a_new_trust_set_says_what_must_stop(press: Press) -> None:
    bundle = press.bundle()
    trust = press.trust(bundle)
    key = press.key().public
    for code, edited in (
        (Code.DIGEST_REVOKED, trust_edit.revoke_digest(trust, bundle.digest, "leaks")),
        (Code.KEY_REVOKED, trust_edit.revoke_key(trust, key, "lost")),
        (Code.NOT_ALLOWED, trust_edit.disallow(trust, LAMP, "1.0.0")),
        (Code.PUBLISHER_UNKNOWN, trust_edit.remove_publisher(trust, "acme")),
        (Code.PUBLISHER_NOT_ENTITLED, trust_edit.add_publisher(trust, "acme", [key], ["desk.*"])),
    ):
        must_stop(press, press.registry(bundle, trust=trust), code, edited)


def test_a_change_that_concerns_others_stops_nothing(press: Press) -> None:
    bundle = press.bundle()
    trust = press.trust(bundle)
    registry = press.registry(bundle, trust=trust)
    capability = registry.resolve(LAMP)
    edited = trust_edit.revoke_digest(trust, "sha256:" + "1" * 64, "leaks")
    assert registry.update_trust(press.trusted(edited)) == ()
    registry.recheck(capability)
    assert registry.loaded() == (capability,)


def test_the_registry_takes_no_older_trust_set(press: Press) -> None:
    registry = press.registry(trust=press.trust(version=5))
    for version in (4, 5):
        with pytest.raises(FabricError) as caught:
            registry.update_trust(press.trusted(press.trust(version=version, operator_keys=[])))
        assert caught.value.code is Code.TRUST_ROLLBACK
    assert registry.trusted is not None
    assert registry.update_trust(registry.trusted) == ()


def test_a_bundle_that_is_removed_must_stop(press: Press) -> None:
    bundle = press.bundle()
    registry = press.registry(bundle)
    capability = registry.resolve(LAMP)
    BundleStore(press.folder / "bundles").remove(bundle.digest)
    assert [it.reason.code for it in registry.refresh()] == [Code.BUNDLE_MISSING]
    with pytest.raises(FabricError) as caught:
        registry.recheck(capability)
    assert caught.value.code is Code.BUNDLE_MISSING


def test_a_bundle_that_is_installed_later_is_found_after_a_refresh(press: Press) -> None:
    bundle = press.bundle()
    registry = press.registry(trust=press.trust(bundle))
    assert refusal(registry).code is Code.BUNDLE_MISSING
    BundleStore(press.folder / "bundles").install(bundle)
    assert registry.refresh() == ()
    assert registry.resolve(LAMP).digest == bundle.digest


def test_an_expired_trust_set_stops_all_but_what_a_grace_covers(press: Press) -> None:
    loaded, other = press.bundle(), press.bundle(id="if://capability/lamp.desk")
    registry = press.registry(loaded, other)
    capability = registry.resolve(LAMP)
    trusted = registry.trusted
    assert trusted is not None
    press.now = trusted.trust.expires_at
    with pytest.raises(FabricError) as caught:
        registry.recheck(capability)
    assert caught.value.code is Code.TRUST_EXPIRED
    assert refusal(registry).code is Code.TRUST_EXPIRED
    until = datetime(2027, 11, 23, tzinfo=UTC)
    document = make_grace(trusted, "example.org/log", [loaded.digest], until, "why", press.key("operator"))
    given = read_grace(document, trusted, "example.org/log")
    assert registry.update_trust(trusted, given) == ()
    registry.recheck(capability)
    under = registry.resolve(LAMP)
    assert under.digest == capability.digest
    assert under.records == (*capability.records, given.digest)
    assert registry.resolve(LAMP) is under
    assert refusal(registry, "if://capability/lamp.desk").code is Code.TRUST_EXPIRED


# --- replay --------------------------------------------------------------------------------------------------------


def test_a_recorded_bundle_is_at_hand_whatever_is_trusted_now(press: Press) -> None:
    bundle = press.bundle()
    allowed = press.registry(bundle).recorded(LAMP, bundle.digest)
    assert (allowed.files, allowed.publisher) == ({"panel.py": press.code}, "acme")
    trust = trust_edit.revoke_digest(press.trust(bundle), bundle.digest, "leaks")
    assert press.registry(bundle, trust=trust).recorded(LAMP, bundle.digest).publisher == "acme"
    stranger = press.registry(bundle, trust=press.trust(publishers={})).recorded(LAMP, bundle.digest)
    assert stranger.publisher == f"key:{press.key().public.fingerprint}"
    assert stranger.records == ()


def test_a_recorded_bundle_must_be_the_one_that_ran(press: Press) -> None:
    bundle, gone = press.bundle(), press.bundle(version="2.0.0")
    registry = press.registry(bundle)
    for capability_id, digest in ((LAMP, gone.digest), ("if://capability/lamp.desk", bundle.digest)):
        with pytest.raises(FabricError) as caught:
            registry.recorded(capability_id, digest)
        assert caught.value.code is Code.REPLAY_UNAVAILABLE


# --- listing -------------------------------------------------------------------------------------------------------


def test_the_list_says_of_each_bundle_whether_it_may_be_loaded(press: Press) -> None:
    good, unallowed = press.bundle(version="1.10.0"), press.bundle(version="1.9.0")
    missing, damaged = press.bundle(id="if://capability/lamp.desk"), press.bundle(version="1.0.0")
    registry = press.registry(good, unallowed, damaged, trust=press.trust(good, missing, damaged))
    registry.resolve(LAMP)
    (press.folder / "bundles" / damaged.digest[7:] / "manifest.yaml").write_bytes(b"id: [")
    registry = AdapterRegistry(BundleStore(press.folder / "bundles"), registry.trusted, now=lambda: press.now)
    registry.resolve(LAMP)
    rows = [(it.id, it.version, it.publisher, it.loaded, it.reason and it.reason.code) for it in registry.list()]
    assert rows == [
        ("if://capability/lamp.desk", "1.0.0", "", False, Code.BUNDLE_MISSING),
        (LAMP, "1.10.0", "acme", True, None),
        (LAMP, "1.9.0", "", False, Code.NOT_ALLOWED),
        (LAMP, "1.0.0", "", False, Code.MANIFEST_SYNTAX),
    ]


def test_examining_a_bundle_before_it_is_installed(press: Press) -> None:
    bundle = press.bundle()
    assert press.registry(trust=press.trust(bundle)).examine(bundle).publisher == "acme"
    with pytest.raises(FabricError) as caught:
        press.registry(trust=press.trust()).examine(bundle)
    assert caught.value.code is Code.NOT_ALLOWED


def test_versions_sort_by_precedence() -> None:
    rising = (
        "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
        "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0",
    )  # fmt: skip
    assert tuple(sorted(set(rising), key=precedence)) == rising  # Semantic Versioning 2.0 section 11
