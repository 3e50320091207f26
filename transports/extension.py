"""The drivers that ship with the kernel, as the pluggy plugin that offers them."""

from __future__ import annotations

from collections.abc import Mapping

from infrafabric.kernel.hooks import DriverContext, extension
from infrafabric.kernel.ports import Driver
from infrafabric.transports.http.driver import HttpDriver

__all__ = ["drivers"]


@extension
def drivers(context: DriverContext) -> Mapping[str, Driver]:
    """Register this module with `kernel.hooks.manager()` to have them."""
    return {HttpDriver.name: HttpDriver(context)}
