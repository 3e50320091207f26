from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Secrets
from infrafabric.keys.redaction import MASK, SecretRedactor
from infrafabric.keys.references import References
from infrafabric.keys.vault import Vault

ENVIRON = {"TOKEN": "from-the-environment", "SHORT": "1234", "INFRAFABRIC_PASSPHRASE": "correct horse"}


@pytest.fixture
def redactor() -> SecretRedactor:
    return SecretRedactor()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    identity = str(pyrage.x25519.Identity.generate())
    vault = Vault(tmp_path / "vault.age", lambda: identity)
    vault.create()
    return vault


@pytest.fixture
def references(vault: Vault, redactor: SecretRedactor) -> References:
    return References(vault, redactor, ENVIRON)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("from-the-file\n")
    path.chmod(0o400)
    return path


def refusal_of(step: Callable[[], object]) -> FabricError:
    with pytest.raises(FabricError) as refusal:
        step()
    return refusal.value


def test_each_form_leads_to_its_value(references: References, vault: Vault, secret_file: Path) -> None:
    secrets: Secrets = references
    vault.set("HA_TOKEN", "from-the-vault")
    assert secrets.resolve("vault:HA_TOKEN") == "from-the-vault"
    assert secrets.resolve("env:TOKEN") == "from-the-environment"
    assert secrets.resolve(f"file:{secret_file}") == "from-the-file"


def test_what_was_handed_out_is_masked_from_then_on(references: References, redactor: SecretRedactor) -> None:
    assert redactor.redact("from-the-environment") == "from-the-environment"
    references.resolve("env:TOKEN")
    assert redactor.redact("got from-the-environment") == f"got {MASK}"


def test_a_new_value_counts_at_once_and_the_old_stays_masked(
    references: References, vault: Vault, redactor: SecretRedactor
) -> None:
    vault.set("T", "first value")
    references.resolve("vault:T")
    vault.set("T", "second value")
    assert references.resolve("vault:T") == "second value"
    assert redactor.redact("first value, second value") == f"{MASK}, {MASK}"


@pytest.mark.parametrize("written", ["from-the-file", "from-the-file\n", "from-the-file\r\n"])
def test_one_line_end_is_dropped(references: References, tmp_path: Path, written: str) -> None:
    path = tmp_path / "one"
    path.write_bytes(written.encode())
    path.chmod(0o600)
    assert references.resolve(f"file:{path}") == "from-the-file"
    path.write_bytes(b"\n two lines \n\n")
    assert references.resolve(f"file:{path}") == "\n two lines \n"


@pytest.mark.parametrize(
    "reference",
    ["sesame-open", "", "hunter2:sesame", "vault:", "vault:a b", "vault::pseudonym", "env:", "env:A=B", "VAULT:T"]
    + ["file:relative/path", "file:", "file:/a\0b", "https://user:sesame@host/", "env:INFRAFABRIC_PASSPHRASE"],
)
def test_what_is_no_reference_is_refused_and_not_repeated(references: References, reference: str) -> None:
    error = refusal_of(lambda: references.resolve(reference))
    assert error.code is Code.SECRET_REFERENCE
    assert "sesame" not in str(error)


def test_what_leads_nowhere_is_unknown(references: References, tmp_path: Path) -> None:
    for reference in ("vault:MISSING", "env:MISSING", f"file:{tmp_path}/missing"):
        assert refusal_of(lambda reference=reference: references.resolve(reference)).code is Code.SECRET_UNKNOWN  # type: ignore[misc]


def test_what_could_not_be_masked_is_not_handed_out(references: References, tmp_path: Path) -> None:
    error = refusal_of(lambda: references.resolve("env:SHORT"))
    assert error.code is Code.SECRET_TOO_SHORT
    assert "env:SHORT" in error.message
    assert "1234" not in error.message
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff" * 20)
    binary.chmod(0o600)
    assert refusal_of(lambda: references.resolve(f"file:{binary}")).code is Code.SECRET_NOT_TEXT
    binary.write_bytes(b"x" * 33_000)
    assert refusal_of(lambda: references.resolve(f"file:{binary}")).code is Code.TOO_LARGE
