"""Settings: defaults without a file, refusals that name the key, pages that are current."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from infrafabric.control.pages import PAGES
from infrafabric.control.settings import Settings, load_settings
from infrafabric.kernel.errors import Code, FabricError

DOCS = Path(__file__).parents[2] / "docs"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "infrafabric.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "infrafabric.toml") == Settings()


def test_a_key_is_taken_from_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "lock_wait_s = 3\n[actions]\nplan_fresh_s = 2.5\n[drivers.http]\nanything = 1\n")
    settings = load_settings(path)
    assert (settings.lock_wait_s, settings.actions.plan_fresh_s) == (3, 2.5)
    assert settings.drivers == {"http": {"anything": 1}}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("lock_wait = 3", "lock_wait is no setting"),
        ("[actions]\nplan_fresh = 3", "actions.plan_fresh is no setting"),
        ("[actions]\nplan_fresh_s = 'soon'", "actions.plan_fresh_s"),
        ("lock_wait_s = -1", "lock_wait_s"),
        ("lock_wait_s = nan", "lock_wait_s"),
        ("\nlock_wait_s = !", "line 2"),
        ("a = 1\na = 2", "no TOML"),
        ("extensions = ['../evil']", "extensions.0"),
    ],
)
def test_a_bad_key_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(FabricError) as refused:
        load_settings(written(tmp_path, text))
    assert refused.value.code == Code.SETTINGS_INVALID
    assert named in refused.value.message


def test_a_bad_value_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(FabricError) as refused:
        load_settings(written(tmp_path, "lock_wait_s = 'hunter2hunter2'"))
    assert "hunter2" not in refused.value.message


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "infrafabric.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FabricError) as refused:
        load_settings(path)
    assert refused.value.code == Code.SETTINGS_INVALID


def test_no_environment_variable_changes_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCK_WAIT_S", "99")
    monkeypatch.setenv("lock_wait_s", "99")
    assert load_settings(tmp_path / "infrafabric.toml").lock_wait_s == 10


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name]()


def test_every_setting_has_a_reason() -> None:
    def without(model: type[BaseModel]) -> list[str]:
        found = []
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                found += without(field.annotation)
            elif not field.description:
                found.append(name)
        return found

    assert without(Settings) == []
