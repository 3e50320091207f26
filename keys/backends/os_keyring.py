"""`keyring:SERVICE/USER`: secrets in the keyring of the operating system, through the library `keyring`.

On Linux that is the Secret Service or KWallet of a desktop's session, on macOS the Keychain, on Windows the Credential
Locker. Which one is used follows from the machine or from `[secrets.keyring] backend`, never from the library's own
PYTHON_KEYRING_BACKEND or keyringrc.cfg: what a kernel reads its secrets from is what its home says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import keyring.backend
import keyring.core
import keyring.errors
from keyring.backends import chainer, fail, null

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["KeyringBackend"]

_FORM = re.compile(r"([^/\x00-\x1f]{1,200})/([^\x00-\x1f]{1,200})")
_PLACE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")
_NO_KEYRINGS = (chainer.ChainerBackend, fail.Keyring, null.Keyring)


class KeyringBackend:
    """The keyring of this machine's user. Options: `backend`, the full name of a class of `keyring`'s."""

    def __init__(self, options: Mapping[str, object], resolve: Callable[[str], str]) -> None:
        """Raises IF_ERR_SETTINGS_INVALID."""
        if unknown := set(options) - {"backend"}:
            raise FabricError(Code.SETTINGS_INVALID, f"secrets.keyring.{min(unknown)} is no setting")
        place = options.get("backend", "")
        if not isinstance(place, str) or (place and _PLACE.fullmatch(place) is None):
            raise FabricError(Code.SETTINGS_INVALID, "secrets.keyring.backend is no name of a class")
        self._keyring = _named(place) if place else None

    def get(self, name: str) -> str:
        """The password of SERVICE/USER. Raises IF_ERR_SECRET_REFERENCE, IF_ERR_SECRET_UNKNOWN, IF_ERR_SECRET_BACKEND,
        IF_ERR_SECRET_BACKEND_AUTH where the keyring is locked."""
        found = _FORM.fullmatch(name)
        if found is None:
            raise FabricError(Code.SECRET_REFERENCE, "what follows keyring: is not SERVICE/USER")
        if self._keyring is None:
            self._keyring = _of_the_machine()
        kind = type(self._keyring).__module__
        try:
            value = self._keyring.get_password(found[1], found[2])
        except keyring.errors.KeyringLocked:
            raise FabricError(Code.SECRET_BACKEND_AUTH, f"the keyring ({kind}) is locked") from None
        except Exception as error:  # each system's own, and none of their texts is known to hold no secret
            raise FabricError(Code.SECRET_BACKEND, f"the keyring ({kind}) failed: {type(error).__name__}") from None
        if value is None:
            raise FabricError(Code.SECRET_UNKNOWN, f"the keyring ({kind}) holds nothing under keyring:{name}")
        return value


def _named(place: str) -> keyring.backend.KeyringBackend:
    try:
        return keyring.core.load_keyring(place)
    except Exception as error:
        raise FabricError(
            Code.SETTINGS_INVALID, f"secrets.keyring.backend: {place} cannot be used: {type(error).__name__}"
        ) from None


def _of_the_machine() -> keyring.backend.KeyringBackend:
    """The keyring that this machine prefers among those it has."""
    viable = [one for one in keyring.backend.get_all_keyring() if not isinstance(one, _NO_KEYRINGS)]
    best = max(viable, key=lambda one: float(one.priority), default=None)
    if best is None or best.priority <= 0:
        raise FabricError(
            Code.SECRET_BACKEND,
            "this machine has no keyring that can be used",
            remedy="Log in to a desktop's session, name another under `[secrets.keyring] backend`, or use vault:.",
        )
    return best
