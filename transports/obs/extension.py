"""The `obs` driver as the pluggy plugin that offers it. It speaks through the extra `obs`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from infrafabric.kernel.hooks import DriverContext, extension
from infrafabric.kernel.ports import Driver
from infrafabric.transports.obs.driver import ObsDriver

__all__ = ["drivers"]


@extension
def drivers(context: DriverContext) -> Mapping[str, Driver]:
    """The driver where simpleobsws is installed, else none: manifests for it then are IF_ERR_DRIVER_UNKNOWN."""
    return {ObsDriver.name: ObsDriver(context)} if find_spec("simpleobsws") is not None else {}
