"""What every entry's body says, and the facts that the log folds from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.words.base import Word

__all__ = ["Body", "Fact", "Signed"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of the log's fold: under `table` and `key` stands `value` from now on; None removes it."""

    table: str
    key: str
    value: Any | None


class Body(Word):
    """What every entry says."""

    tenant: str = "default"
    talent: str = ""
    target: str = ""
    trace: str = ""


class Signed(Body):
    """An entry that an operator key signed: Ed25519 over `kernel.authority.change_bytes` of the body without
    `signature`. The log's `origin` is in it, so that it counts in no other log."""

    why: str
    origin: str
    operator: str
    """Public key, base64."""
    signature: str
    """Signature, base64."""
