"""The `press`: makes adapters, signs them, and founds trust sets."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infrafabric.keys.signing import SigningKey
from infrafabric.registry.bundle import Bundle, sign_bundle, write_bundle
from infrafabric.registry.registry import AdapterRegistry
from infrafabric.registry.store import BundleStore
from infrafabric.registry.trust import Seen, Trusted, TrustSet, load, sign_trust

__all__ = ["Press", "press"]


class Press:
    """Works in a folder of the test's own. Keys go by name."""

    now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    code = b"class Panel:\n    pass\n"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    def key(self, name: str = "publisher") -> SigningKey:
        return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())

    def data(self, **changes: Any) -> dict[str, Any]:
        """A draft's members. `None` leaves one out."""
        members: dict[str, Any] = {
            "id": "if://capability/lamp.panel",
            "version": "1.0.0",
            "summary": "Set a lamp panel",
            "kind": "state",
            "runtime": "python/1",
            "entrypoint": "panel.py:Panel",
            "files": ["panel.py"],
            "intent": {"type": "object", "additionalProperties": False, "properties": {"level": {"type": "integer"}}},
            "requires": {"settings": ["LAMP_HOST"], "secrets": []},
            "driver": "http",
            "base": "http://{LAMP_HOST}",
            "effects": {"state": {"read": "GET /panel"}, "dim": {"write": "PUT /panel/{level}", "path": LEVEL}},
        }
        return {name: value for name, value in {**members, **changes}.items() if value is not None}

    def source(self, files: dict[str, bytes] | None = None, /, **changes: Any) -> Path:
        """A source folder with `draft.json` and the files (by default `panel.py`)."""
        self.made += 1
        folder = self.folder / f"source-{self.made}"
        for name, content in (files or {"panel.py": self.code}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (folder / "draft.json").write_text(json.dumps(self.data(**changes)), "utf-8")
        return folder

    def bundle(self, files: dict[str, bytes] | None = None, /, *, key: str = "publisher", **changes: Any) -> Bundle:
        return sign_bundle(self.source(files, **changes), "draft.json", self.key(key))

    def packed(self, files: dict[str, bytes] | None = None, /, *, key: str = "publisher", **changes: Any) -> Path:
        """A bundle folder."""
        bundle = self.bundle(files, key=key, **changes)
        folder = self.folder / f"bundle-{self.made}"
        write_bundle(bundle, folder)
        return folder

    def trust(self, *allowed: Bundle, **changes: Any) -> TrustSet:
        """A set in which `publisher` may sign `lamp.*` and these bundles are allowed. One root key: `root`."""
        members: dict[str, Any] = {
            "version": 1,
            "expires": "2027-11-21T00:00:00Z",
            "root_keys": [str(self.key("root").public)],
            "threshold": 1,
            "publishers": {"acme": {"keys": [str(self.key().public)], "patterns": ["lamp.*"]}},
            "allow": {f"{it.manifest.id}@{it.manifest.version}": it.digest for it in allowed},
            "operator_keys": [str(self.key("operator").public)],
        }
        return TrustSet.model_validate({**members, **changes})

    def trusted(self, trust: TrustSet, *roots: str) -> Trusted:
        return load(sign_trust(trust, *map(self.key, roots or ("root",))), Seen())

    def registry(self, *bundles: Bundle, trust: TrustSet | None = None) -> AdapterRegistry:
        """A registry with these bundles installed; by default they are allowed too."""
        store = BundleStore(self.folder / "bundles")
        for bundle in bundles:
            store.install(bundle)
        trusted = self.trusted(trust if trust is not None else self.trust(*bundles))
        return AdapterRegistry(store, trusted, now=lambda: self.now)


LEVEL = {"level": {"type": "integer", "minimum": 0, "maximum": 100}}


@pytest.fixture
def press(tmp_path: Path) -> Press:
    return Press(tmp_path)
