"""A key store whose Argon2id is cheap enough for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infrafabric.keys.keyfile import Kdf
from infrafabric.keys.keystore import Keystore
from infrafabric.keys.passphrase import Passphrase

RIGHT = "correct horse"
OpenStore = Callable[..., Keystore]


@pytest.fixture
def open_store(tmp_path: Path) -> OpenStore:
    """Opens the same store each time: `open_store("the passphrase", development=True)`."""

    def opened(passphrase: str = RIGHT, *, development: bool = False) -> Keystore:
        return Keystore(
            tmp_path / "keys", Passphrase(passphrase), development=development, kdf=Kdf(ops=1, memory=8 << 20)
        )

    return opened
