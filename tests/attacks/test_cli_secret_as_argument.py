"""A secret on the command line would be in the shell's history and in every process list: it is not taken, and what
was typed by mistake is not repeated in any message, record or file."""

from __future__ import annotations

from pathlib import Path

import pytest
from homes import Ifctl

from infrafabric.kernel.errors import Code

SECRET = "hunter2hunter2hunter2"


def traces_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["secret", "set", "TOKEN", SECRET], Code.USAGE),
        (["secret", "set", "TOKEN", f"--value={SECRET}"], Code.USAGE),
        (["secret", "set", "TOKEN", "--value", SECRET], Code.USAGE),
        (["secret", "set", f"TOKEN={SECRET}"], Code.NAME_INVALID),
        (["target", "add", "ha@home", "--secret", f"HA_TOKEN={SECRET}"], Code.SECRET_REFERENCE),
        (["target", "set", "vmix@studio-a", "--secret", f"VMIX_KEY={SECRET}"], Code.SECRET_REFERENCE),
    ],
    ids=["word", "option", "option and word", "assignment", "target", "change"],
)
@pytest.mark.parametrize("answer", [[], ["--json"]], ids=["text", "json"])
def test_it_is_refused_without_being_repeated(vmix_home: Ifctl, args: list[str], code: Code, answer: list[str]) -> None:
    result = vmix_home(*args, "--why", "x", *answer, stdin="another secret")
    assert result.exit_code != 0
    assert code.value in result.output
    assert SECRET not in result.output
    assert traces_of(vmix_home.home) == []


def test_a_secret_that_the_manifest_wants_is_not_taken_as_a_setting(bare_home: Ifctl, tmp_path: Path) -> None:
    source = tmp_path / "lamp"
    bare_home.ok("adapter", "new", str(source))
    manifest = source / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("secrets: []", "secrets: [LAMP_TOKEN]"))
    bare_home.ok("adapter", "sign", str(source), "--out", str(tmp_path / "bundle"))
    bare_home.ok("adapter", "install", str(tmp_path / "bundle"))
    result = bare_home("target", "add", "lamp@desk", f"LAMP_TOKEN={SECRET}", "--why", "x")
    assert Code.SECRET_REFERENCE.value in result.output
    assert SECRET not in result.output
    assert traces_of(bare_home.home) == []


def test_a_kept_secret_is_readable_nowhere(vmix_home: Ifctl) -> None:
    vmix_home.ok("secret", "set", "TOKEN", "--why", "x", stdin=SECRET)
    assert traces_of(vmix_home.home) == []
    for command in (["secret", "list"], ["witness", "query"], ["target", "list"], ["doctor"]):
        assert SECRET not in vmix_home(*command, "--json").output


def test_a_secret_put_into_the_settings_is_not_repeated(vmix_home: Ifctl) -> None:
    settings = vmix_home.home / "infrafabric.toml"
    settings.write_text(f"lock_wait_s = '{SECRET}'\n")
    result = vmix_home("talent", "list")
    assert Code.SETTINGS_INVALID.value in result.output
    assert SECRET not in result.output
