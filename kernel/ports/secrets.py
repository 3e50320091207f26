"""Where secrets come from, what hides them, and what is written where a person may read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from infrafabric.kernel.words.things import Target

__all__ = ["EventLog", "Redactor", "Scanner", "SecretBackend", "Secrets"]


class Secrets(Protocol):
    def resolve(self, reference: str, target: Target | None = None) -> str:
        """The value behind a reference, for the use of `target`; the redactor then knows it. May block on a network.

        Raises IF_ERR_SECRET_*, IF_ERR_EXTRA_MISSING, IF_ERR_TOO_LARGE, IF_ERR_VAULT_*, IF_ERR_KEY_*,
        IF_ERR_PASSPHRASE_*.
        """
        ...

    async def open(self, references: Mapping[str, str], target: Target) -> Mapping[str, str]:
        """The values behind all `references`, by the same names. Raises as `resolve` does, and does not block."""
        ...


class SecretBackend(Protocol):
    """What keeps secrets outside of the home, under a scheme of its own."""

    def get(self, name: str) -> str:
        """The value of what follows the scheme in a reference. May block; called in a thread, by several at once.

        Raises IF_ERR_SECRET_REFERENCE (not of this backend's form), IF_ERR_SECRET_UNKNOWN, IF_ERR_SECRET_BACKEND,
        IF_ERR_SECRET_BACKEND_AUTH.
        """
        ...


class EventLog(Protocol):
    """The structured logger: what is said beside answers and entries. Secrets are masked; nothing raises."""

    def info(self, event: str, **values: object) -> object: ...

    def warning(self, event: str, **values: object) -> object: ...

    def error(self, event: str, **values: object) -> object: ...


class Redactor(Protocol):
    def redact(self, text: str) -> str:
        """`text` with every secret value handed out so far (also as base64, URL-encoded or JSON-escaped) masked."""
        ...

    def found(self, text: str) -> bool:
        """Whether `text` holds a secret value handed out so far."""
        ...


class Scanner(Redactor, Protocol):
    """A redactor that knows whose each secret is."""

    def holds_of(self, text: str, tenants: Collection[str]) -> bool:
        """Whether `text` holds a secret of one of the tenants, or one that is everybody's."""
        ...
