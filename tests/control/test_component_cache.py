"""Whose compiled components a home takes: development homes the user's, production homes their own."""

from __future__ import annotations

import hmac
from pathlib import Path

import pytest

from infrafabric.control.component_cache import component_cache, shared_cache
from infrafabric.control.home import Home
from infrafabric.keys.signing import SigningKey

KEY = SigningKey.generate()


def test_development_homes_share_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFRAFABRIC_CACHE", str(tmp_path / "cache"))
    one = component_cache(Home(tmp_path / "a", "development", "a.test"), KEY)
    two = component_cache(Home(tmp_path / "b", "development", "b.test"), SigningKey.generate())
    assert one == two
    assert one[0] == tmp_path / "cache"
    assert len(one[1]) == 32
    assert (one[0] / "mac.key").stat().st_mode & 0o777 == 0o600


def test_a_production_home_has_its_own_under_its_logs_key(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "production", "a.test")
    assert component_cache(home, KEY) == (
        home.cache,
        hmac.digest(KEY.seed, b"infrafabric-component-cache-v1", "sha256"),
    )


@pytest.mark.parametrize("spoilt", ["mac.key", "."])
def test_a_cache_that_others_can_change_is_not_taken(tmp_path: Path, spoilt: str) -> None:
    environment = {"INFRAFABRIC_CACHE": str(tmp_path / "cache")}
    assert shared_cache(environment) is not None
    (tmp_path / "cache" / spoilt).chmod(0o666 if spoilt == "mac.key" else 0o777)
    assert shared_cache(environment) is None


def test_a_key_that_is_none_is_not_taken(tmp_path: Path) -> None:
    environment = {"INFRAFABRIC_CACHE": str(tmp_path / "cache")}
    assert shared_cache(environment) is not None
    (tmp_path / "cache" / "mac.key").write_bytes(b"short")
    assert shared_cache(environment) is None


def test_where_no_folder_can_be_made_a_home_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INFRAFABRIC_CACHE", str(tmp_path / "file" / "cache"))
    home = Home(tmp_path / "home", "development", "a.test")
    assert component_cache(home, KEY)[0] == home.cache


@pytest.mark.parametrize(
    ("environment", "folder"),
    [({"XDG_CACHE_HOME": "/x"}, "/x/infrafabric"), ({"INFRAFABRIC_CACHE": "/y", "XDG_CACHE_HOME": "/x"}, "/y")],
)
def test_where_it_is(environment: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    monkeypatch.setattr(Path, "mkdir", lambda self, **_: seen.append(self))
    monkeypatch.setattr("infrafabric.control.component_cache._key", lambda _: b"")
    shared_cache(environment)
    assert seen == [Path(folder)]
