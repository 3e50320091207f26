"""Names of things: capabilities, targets, talents, actions, traces. All are plain strings of a checked form."""

from __future__ import annotations

import os
import re
import time
import uuid
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from infrafabric.kernel.errors import Code, FabricError

__all__ = [
    "KERNEL", "ActionId", "CapabilityId", "Digest", "TalentId", "TargetName", "TenantId", "TraceId",
    "capability_id", "new_action_id", "new_trace_id", "product_of", "short_name", "talent_id", "trace_id",
]  # fmt: skip

_WORD = r"[a-z][a-z0-9_]{0,40}"
CAPABILITY = re.compile(rf"if://capability/({_WORD}(?:\.{_WORD}){{1,3}})")
TARGET = re.compile(rf"({_WORD})@([a-z0-9](?:[a-z0-9-]{{0,40}}[a-z0-9])?)")
TALENT = re.compile(r"if://(person|agent|service|kernel)/([A-Za-z0-9][A-Za-z0-9._-]{0,63})(?:/([A-Za-z0-9._-]{1,64}))?")
TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
HOME_TENANT = "default"
"""The tenant that administers the home, and whose everything is that names no tenant."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TRACE = re.compile(r"[0-9a-f]{32}")

CapabilityId = Annotated[str, StringConstraints(pattern=f"^{CAPABILITY.pattern}$", max_length=200)]
"""`if://capability/vmix.switcher`"""
TargetName = Annotated[str, StringConstraints(pattern=f"^{TARGET.pattern}$", max_length=100)]
"""`vmix@studio-a`: the product, and the operator's name for this one of it."""
TalentId = Annotated[str, StringConstraints(pattern=f"^{TALENT.pattern}$", max_length=200)]
"""`if://agent/Finance.Agent/42`"""
TenantId = Annotated[str, StringConstraints(pattern=f"^{TENANT.pattern}$")]
Digest = Annotated[str, StringConstraints(pattern=f"^{DIGEST.pattern}$")]
ActionId = Annotated[str, AfterValidator(lambda text: str(uuid.UUID(text)))]
"""A uuidv7 (RFC 9562)."""
TraceId = Annotated[str, StringConstraints(pattern=f"^{TRACE.pattern}$")]
"""A W3C trace id: 32 lower-case hex digits, not all zero."""

KERNEL = "if://kernel/self"
"""The kernel as an actor in its own log."""


def capability_id(name: str) -> str:
    """The full id of a capability given in full or short (`vmix.switcher`). Raises IF_ERR_NAME_INVALID."""
    full = name if name.startswith("if://") else f"if://capability/{name}"
    if CAPABILITY.fullmatch(full) is None:
        raise FabricError(Code.NAME_INVALID, f"{name[:80]!r} is no capability; one looks like vmix.switcher")
    return full


def short_name(capability: str) -> str:
    """`vmix.switcher` for `if://capability/vmix.switcher`."""
    return capability.removeprefix("if://capability/")


def product_of(name: str) -> str:
    """The product a capability or a target belongs to: `vmix` for `if://capability/vmix.switcher`, `vmix@studio-a`."""
    return short_name(name).split("@")[0].split(".")[0]


def talent_id(name: str, kind: str = "agent") -> str:
    """The full id of a talent given in full or by its bare name. Raises IF_ERR_NAME_INVALID."""
    full = name if name.startswith("if://") else f"if://{kind}/{name}"
    if TALENT.fullmatch(full) is None:
        raise FabricError(Code.NAME_INVALID, f"{name[:80]!r} is no talent; one looks like Finance.Agent")
    return full


def trace_id(text: str) -> str:
    """A trace token given as 32 hex digits, a uuid, or a W3C `traceparent`. Raises IF_ERR_NAME_INVALID."""
    parts = text.strip().split("-")
    bare = parts[1] if len(parts) == 4 and parts[0] == "00" else text.strip().replace("-", "")
    bare = bare.lower()
    if TRACE.fullmatch(bare) is None or bare == "0" * 32:
        raise FabricError(Code.NAME_INVALID, f"{text[:80]!r} is no trace token; one is 32 hex digits or a uuid")
    return bare


def new_trace_id() -> str:
    return os.urandom(16).hex()


def new_action_id() -> str:
    """A fresh uuidv7: 48 bits of Unix milliseconds, then random (RFC 9562 section 5.7)."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
