"""What the vault's file holds, decrypted: values, former values in their overlap, and who may use them. Pure.

    {"kernel": {"pseudonym": "…"}, "secrets": {"NAME": "…"},
     "former": {"NAME": [{"value": "…", "until": 1790000000}]},
     "uses": {"NAME": {"targets": ["ha@home"], "tenant": ""}}}

The last two members are left out where they would be empty.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["MOST_FORMER", "Content", "Former", "Kept", "Use"]

MOST_FORMER = 8
"""Former values of one secret in overlap at once."""


@dataclass(frozen=True, slots=True)
class Former:
    """A value that was rotated away, known until its overlap ends."""

    value: str = field(repr=False)
    until: int
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Use:
    """Which targets may use a secret: those named, and of that tenant. Neither named: every target."""

    targets: tuple[str, ...] = ()
    tenant: str = ""

    def covers(self, target: str, tenant: str) -> bool:
        """Whether the target called so may use it. What is no target (both "") may use only what every target may."""
        return (not self.targets or target in self.targets) and (not self.tenant or tenant == self.tenant)


@dataclass(frozen=True, slots=True)
class Kept:
    """One secret."""

    value: str = field(repr=False)
    former: tuple[Former, ...] = ()
    """Newest first."""
    use: Use = Use()

    def at(self, now: float) -> Kept:
        """The same without the former values whose overlap is over."""
        return replace(self, former=tuple(one for one in self.former if one.until > now))

    def rotated(self, value: str, until: int) -> Kept:
        """With `value` in the place of the present one, which stays as a former one.

        Raises IF_ERR_SECRET_UNCHANGED, IF_ERR_TOO_LARGE.
        """
        if value == self.value:
            raise FabricError(Code.SECRET_UNCHANGED, "the new value is the present one")
        before = tuple(one for one in self.former if one.value != value)
        if len(before) >= MOST_FORMER:
            raise FabricError(Code.TOO_LARGE, f"{MOST_FORMER} former values are in overlap already")
        return replace(self, value=value, former=(Former(self.value, until), *before))

    def returned(self) -> Kept:
        """With the newest former value and the present one in each other's place. Raises IF_ERR_SECRET_NO_FORMER."""
        if not self.former:
            raise FabricError(Code.SECRET_NO_FORMER, "no former value is in overlap")
        newest, *older = self.former
        return replace(self, value=newest.value, former=(Former(self.value, newest.until), *older))


@dataclass(frozen=True, slots=True)
class Content:
    """The kernel's own keys, which no reference reaches, and the operator's secrets."""

    kernel: Mapping[str, bytes] = field(repr=False)
    secrets: Mapping[str, Kept] = field(repr=False)

    def having(self, name: str, kept: Kept) -> Content:
        return replace(self, secrets={**self.secrets, name: kept})

    def without(self, name: str) -> Content:
        return replace(self, secrets={known: kept for known, kept in self.secrets.items() if known != name})

    def at(self, now: float) -> Content:
        """The same without the former values whose overlap is over."""
        return replace(self, secrets={name: kept.at(now) for name, kept in self.secrets.items()})

    def to_bytes(self) -> bytes:
        members: dict[str, Any] = {
            "kernel": {name: base64.b64encode(value).decode("ascii") for name, value in self.kernel.items()},
            "secrets": {name: kept.value for name, kept in self.secrets.items()},
        }
        former = {name: kept.former for name, kept in self.secrets.items() if kept.former}
        if former:
            members["former"] = {
                name: [{"value": one.value, "until": one.until} for one in rows] for name, rows in former.items()
            }
        uses = {name: kept.use for name, kept in self.secrets.items() if kept.use != Use()}
        if uses:
            members["uses"] = {name: {"targets": use.targets, "tenant": use.tenant} for name, use in uses.items()}
        return json.dumps(members).encode("ascii")

    @classmethod
    def from_bytes(cls, body: bytes) -> Content:
        """The content out of bytes that the home itself wrote, which its MAC has shown."""
        members = json.loads(body)
        kernel = {name: base64.b64decode(value) for name, value in members["kernel"].items()}
        former, uses = members.get("former", {}), members.get("uses", {})
        secrets = {}
        for name, value in members["secrets"].items():
            rows = tuple(Former(one["value"], one["until"]) for one in former.get(name, ()))
            use = uses.get(name)
            secrets[name] = Kept(value, rows, Use(tuple(use["targets"]), use["tenant"]) if use else Use())
        return cls(kernel, secrets)
