"""Someone writes to the key store: damage and exchange are told apart from a wrong passphrase, and nothing opens."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.keyfile import Algorithm, Kdf, KeyFile, Protection
from infrafabric.keys.keystore import Keystore
from infrafabric.keys.passphrase import Passphrase
from infrafabric.keys.signing import SigningKey

CHEAP = Kdf(ops=1, memory=8 << 20)


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    store = Keystore(tmp_path / "keys", Passphrase("correct horse"), kdf=CHEAP)
    store.create("operator")
    store.create("root")
    return store


def refusal_of(step: Callable[[], object]) -> FabricError:
    with pytest.raises(FabricError) as refusal:
        step()
    return refusal.value


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit a key file as an attacker would who knows the format: with a check that matches again."""
    members = json.loads(path.read_bytes())
    change(members)
    members.pop("check")
    ordered = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    path.write_text(json.dumps({**members, "check": hashlib.sha256(ordered).hexdigest()}))


def test_a_wrong_passphrase_opens_nothing(store: Keystore, tmp_path: Path) -> None:
    wrong = Keystore(tmp_path / "keys", Passphrase("correct house"))
    error = refusal_of(lambda: wrong.load("operator"))
    assert error.code is Code.PASSPHRASE_WRONG
    assert "house" not in str(error)


def test_the_public_half_of_another_key_is_noticed(store: Keystore, tmp_path: Path) -> None:
    mine = str(SigningKey.generate().public)
    edit(tmp_path / "keys" / "operator.key", lambda members: members.update(public=mine))
    assert refusal_of(lambda: store.load("operator")).code is Code.KEY_CORRUPT


def test_the_public_half_of_an_unprotected_key_is_noticed(tmp_path: Path) -> None:
    store = Keystore(tmp_path / "keys", Passphrase(environ={}), development=True)
    store.create("operator", Protection.NONE)
    mine = str(SigningKey.generate().public)
    edit(tmp_path / "keys" / "operator.key", lambda members: members.update(public=mine))
    assert refusal_of(lambda: store.load("operator")).code is Code.KEY_CORRUPT


def test_a_key_does_not_pass_for_another(store: Keystore, tmp_path: Path) -> None:
    """The operator's file put in the root's place, as it is and with its name edited."""
    operator, root = (tmp_path / "keys" / f"{name}.key" for name in ("operator", "root"))
    root.write_bytes(operator.read_bytes())
    assert refusal_of(lambda: store.load("root")).code is Code.KEY_CORRUPT
    edit(root, lambda members: members.update(name="root"))
    assert refusal_of(lambda: store.load("root")).code is Code.KEY_CORRUPT
    assert store.load("operator").public == store.public("operator")


def test_an_unprotected_key_slipped_in_does_not_open(store: Keystore, tmp_path: Path) -> None:
    mine = KeyFile.bare("operator", Algorithm.ED25519, SigningKey.generate().seed)
    (tmp_path / "keys" / "operator.key").write_bytes(mine.encoded)
    assert refusal_of(lambda: store.load("operator")).code is Code.PRODUCTION_ONLY


@pytest.mark.parametrize(
    ("ops", "memory"), [(10**6, 8 << 20), (1, 1 << 40), (0, 8 << 20), (1, 1), (-1, -1), (1.5, 8 << 20), (True, 8 << 20)]
)
def test_a_cost_beyond_bounds_is_not_paid(store: Keystore, tmp_path: Path, ops: float, memory: int) -> None:
    path = tmp_path / "keys" / "operator.key"
    edit(path, lambda members: members["protection"].update(ops=ops, memory=memory))
    assert refusal_of(lambda: store.load("operator")).code is Code.KEY_CORRUPT


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o604, 0o660])
def test_a_key_that_others_can_reach_is_not_used(store: Keystore, tmp_path: Path, mode: int) -> None:
    (tmp_path / "keys" / "operator.key").chmod(mode)
    error = refusal_of(lambda: store.load("operator"))
    assert error.code is Code.KEY_EXPOSED
    assert f"{mode:04o}" in error.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 20_000,
        b'{"format": "infrafabric-key-v2"}',
        b'{"format": "infrafabric-key-v1", "check": ""}',
        b" " * 20_000,
    ],
    ids=["empty", "object", "list", "null", "binary", "deep", "version", "members", "large"],
)
def test_what_is_no_key_file_is_damaged(store: Keystore, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "keys" / "operator.key").write_bytes(data)
    assert refusal_of(lambda: store.load("operator")).code is Code.KEY_CORRUPT


def test_a_pipe_in_a_keys_place_does_not_hang(store: Keystore, tmp_path: Path) -> None:
    (tmp_path / "keys" / "operator.key").unlink()
    os.mkfifo(tmp_path / "keys" / "operator.key", 0o600)
    assert refusal_of(lambda: store.load("operator")).code is Code.KEY_CORRUPT


SEALED = KeyFile.seal("operator", Algorithm.ED25519, bytes(32), b"correct horse", CHEAP).encoded


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(0, len(SEALED) - 2), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(at: int, flip: int) -> None:
    """It never opens to anything but the key, and is never mistaken for a wrong passphrase."""
    damaged = bytearray(SEALED)
    damaged[at] ^= flip
    try:
        secret = KeyFile.parse(bytes(damaged), "operator").open(b"correct horse")
    except FabricError as error:
        assert error.code is Code.KEY_CORRUPT
    else:
        assert secret == bytes(32)


@pytest.mark.parametrize("kept", [1, 100, len(SEALED) // 2, len(SEALED) - 3])
def test_a_truncated_file_is_damaged(kept: int) -> None:
    assert refusal_of(lambda: KeyFile.parse(SEALED[:kept], "operator")).code is Code.KEY_CORRUPT
