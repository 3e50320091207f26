"""Capabilities, as `ifctl capability list|show|find --json` gives them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from infrafabric.control.api.shapes.common import Reason, Shape, Taken, optional
from infrafabric.kernel.words.manifest import Manifest

__all__ = ["Capabilities", "Capability", "CapabilityRow", "CapabilityTargets", "Found", "Sought"]

Tag = Annotated[str, Field(max_length=100)]


class CapabilityRow(Shape):
    """A bundle that is installed or allowed."""

    capability: str
    version: str
    digest: str
    publisher: str
    """As the trust set names it; "" where nobody trusted stands behind it."""
    summary: str
    usable: bool
    reason: Reason | None
    """Why it may not be used; null where it may."""


class Capabilities(Shape):
    capabilities: list[CapabilityRow]


class Capability(Shape):
    """A manifest, whose `intent` is the JSON Schema of what may be asked, and how far it is trusted."""

    digest: str
    publisher: str
    usable: bool
    reason: Reason | None
    manifest: Manifest


class CapabilityTarget(Shape):
    name: str
    health: dict[str, Any] | None
    """As it was last noted; null where it was not tried."""
    breakers: list[dict[str, Any]]
    """Those that are not closed."""
    granted: bool
    """Whether the caller, or a group that it is of, holds a grant there."""


class CapabilityTargets(Shape):
    targets: list[CapabilityTarget]


class Sought(Taken):
    """A task. What is left out is left open."""

    intent: dict[str, Any]
    scopes: Annotated[list[Tag], Field(max_length=32)] = []
    """Scopes that the capability has to ask for."""
    tags: Annotated[list[Tag], Field(max_length=32)] = []
    """What a talent had better be good at."""
    capability: Annotated[str, Field(max_length=300)] = ""
    target: Annotated[str, Field(max_length=300)] = ""
    talent: Annotated[str, Field(max_length=300)] = ""


class Fitting(Shape):
    capability: str
    version: str
    target: str
    talent: str
    reasons: list[str]


class Unfitting(Shape):
    capability: str
    reason: str
    target: str
    talent: str


class Found(Shape):
    """Who could do it now, the best first, and why the others do not fit."""

    tenant: str
    fits: list[Fitting]
    misfits: list[Unfitting]
    error: Reason | None = optional
    """There where nothing fits."""
