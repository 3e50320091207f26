"""The bundle store keeps what it was given, and believes nothing that it reads."""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import add_signature, read_bundle
from infrafabric.registry.manifest import MANIFEST_FILE
from infrafabric.registry.store import BundleStore

if TYPE_CHECKING:
    from press import Press


@pytest.fixture
def store(press: Press) -> BundleStore:
    return BundleStore(press.folder / "store")


def test_what_is_installed_loads_again(press: Press, store: BundleStore) -> None:
    assert store.digests() == ()
    bundle = read_bundle(press.packed())
    store.install(bundle)
    store.install(bundle)
    assert store.load(bundle.digest) == bundle
    assert store.manifest(bundle.digest).manifest == bundle.manifest
    assert store.digests() == (bundle.digest,)
    assert [path.name for path in (press.folder / "store").iterdir()] == [bundle.digest.removeprefix("sha256:")]


def test_old_versions_stay_beside_new_ones(press: Press, store: BundleStore) -> None:
    old, new = press.bundle(version="1.0.0"), press.bundle(version="1.1.0")
    store.install(old)
    store.install(new)
    assert store.digests() == tuple(sorted((old.digest, new.digest)))
    assert store.load(old.digest).manifest.version == "1.0.0"


def test_what_is_removed_is_missing(press: Press, store: BundleStore) -> None:
    bundle = press.bundle()
    store.install(bundle)
    store.remove(bundle.digest)
    assert store.digests() == ()
    for ask in (store.load, store.manifest, store.remove):
        with pytest.raises(FabricError) as caught:
            ask(bundle.digest)
        assert caught.value.code is Code.BUNDLE_MISSING


def test_installing_again_mends_a_damaged_bundle(press: Press, store: BundleStore) -> None:
    bundle = press.bundle()
    store.install(bundle)
    (press.folder / "store" / bundle.digest[7:] / "panel.py").write_bytes(b"")
    with pytest.raises(FabricError):
        store.load(bundle.digest)
    store.install(bundle)
    assert store.load(bundle.digest) == bundle


def test_signatures_join(press: Press, store: BundleStore) -> None:
    bundle = press.bundle()
    store.install(add_signature(bundle, press.key("second")))
    store.install(add_signature(bundle, press.key("third")))
    store.install(bundle)
    assert set(store.load(bundle.digest).signers) == {
        press.key(name).public for name in ("publisher", "second", "third")
    }


def test_a_bundle_stored_under_another_digest_is_refused(press: Press, store: BundleStore) -> None:
    one, other = press.bundle(version="1.0.0"), press.bundle(version="2.0.0")
    store.install(one)
    store.install(other)
    root = press.folder / "store"
    (root / one.digest[7:] / MANIFEST_FILE).write_bytes(other.text)
    for ask in (store.load, store.manifest):
        with pytest.raises(FabricError) as caught:
            ask(one.digest)
        assert caught.value.code is Code.BUNDLE_FILE_CHANGED


@pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege there")
def test_a_link_in_the_place_of_a_bundle_is_refused(press: Press, store: BundleStore) -> None:
    bundle = press.bundle()
    store.install(bundle)
    folder = press.folder / "store" / bundle.digest[7:]
    folder.rename(press.folder / "elsewhere")
    folder.symlink_to(press.folder / "elsewhere")
    with pytest.raises(FabricError) as caught:
        store.load(bundle.digest)
    assert caught.value.code is Code.BUNDLE_PATH


@pytest.mark.parametrize("digest", ["sha256:../../etc", "sha256:", "0" * 64, "sha256:" + "A" * 64, ""])
def test_what_is_no_digest_reaches_no_folder(store: BundleStore, digest: str) -> None:
    with pytest.raises(FabricError) as caught:
        store.load(digest)
    assert caught.value.code is Code.NAME_INVALID


def test_the_remains_of_a_crash_are_no_bundle_and_are_swept(press: Press, store: BundleStore) -> None:
    aside = press.folder / "store" / ".aside-crashed"
    (aside / "new").mkdir(parents=True)
    assert store.digests() == ()
    os.utime(aside, (time.time() - 7200, time.time() - 7200))
    store.install(press.bundle())
    assert not aside.exists()


def test_installing_from_many_sides_at_once_leaves_one_good_bundle(press: Press, store: BundleStore) -> None:
    bundle = press.bundle()
    errors: list[BaseException] = []

    def install() -> None:
        try:
            for _ in range(5):
                store.install(bundle)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=install) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.load(bundle.digest) == bundle
    assert store.digests() == (bundle.digest,)


def test_a_store_that_cannot_be_written_says_so(press: Press) -> None:
    (press.folder / "file").write_bytes(b"")
    with pytest.raises(FabricError) as caught:
        BundleStore(press.folder / "file" / "store").install(press.bundle())
    assert caught.value.code is Code.FILE_UNWRITABLE


def test_a_full_disk_leaves_no_half_a_bundle(press: Press, store: BundleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    bundle = press.bundle()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FabricError) as caught:
        store.install(bundle)
    monkeypatch.undo()
    assert caught.value.code is Code.DISK_FULL
    assert list((press.folder / "store").iterdir()) == []
    store.install(bundle)
    assert store.load(bundle.digest) == bundle
