"""What trusted extensions may add, as pluggy hooks. Extensions are found by the entry point group
`infrafabric.extensions` and loaded only when the settings name them; the drivers that ship are registered the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

from infrafabric.kernel.ports import Driver, EventLog, Redactor, SecretBackend

if TYPE_CHECKING:
    from infrafabric.kernel.falsify.case import Attempt

__all__ = ["DriverContext", "Extensions", "SecretContext", "extension", "manager"]

PROJECT = "infrafabric"
hookspec = pluggy.HookspecMarker(PROJECT)
extension = pluggy.HookimplMarker(PROJECT)
"""Marks an implementation of one of `Extensions`' hooks."""


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What a driver is given when it is made."""

    redactor: Redactor
    options: Mapping[str, object]
    """The settings under `[drivers.NAME]`."""
    log: EventLog | None = None
    """Where the driver may say what belongs into no answer; None where nobody listens."""


@dataclass(frozen=True, slots=True)
class SecretContext:
    """What a backend for secrets is given when it is made."""

    options: Mapping[str, object]
    """The settings under `[secrets.NAME]`."""
    resolve: Callable[[str], str]
    """The value behind a `vault:`, `env:` or `file:` reference: the backend's own token, for example."""


class Extensions:
    @hookspec
    def drivers(self, context: DriverContext) -> Mapping[str, Driver]:  # type: ignore[empty-body]
        """Drivers to add, by the name that manifests use."""

    @hookspec
    def secret_backends(self, context: SecretContext) -> Mapping[str, SecretBackend]:  # type: ignore[empty-body]
        """Backends for secrets, by the scheme of their references. An extension's schemes begin with `x-`."""

    @hookspec
    def attempts(self) -> Mapping[str, Attempt]:  # type: ignore[empty-body]
        """Attempts to refute plans, by name, beside the kernel's own: see `kernel.falsify.case.Attempt`. They run as
        trusted code, so an adapter cannot bring them; its author ships them as an extension."""

    @hookspec
    def station(self, action: str, station: str) -> None:
        """An action passes `station` (see `kernel.road.Station`). Called before the station's work is awaited further;
        an exception here refuses the action."""


def manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hooks and has no plugin yet."""
    plugins = pluggy.PluginManager(PROJECT)
    plugins.add_hookspecs(Extensions)
    return plugins
