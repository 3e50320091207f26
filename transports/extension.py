"""The drivers that ship with the kernel, each as a pluggy plugin of its own, so that each has its table of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from infrafabric.kernel.hooks import DriverContext, extension
from infrafabric.kernel.ports import Driver
from infrafabric.transports.late import LateDriver

__all__ = ["SHIPPED", "Offer"]


@dataclass(frozen=True, eq=False)
class Offer:
    """A plugin that offers one driver, made with the settings under `[drivers.NAME]`: at once where there are some, so
    that a wrong one is told at the start, else when it is first needed."""

    name: str
    place: str
    """`module:Class`."""

    @extension
    def drivers(self, context: DriverContext) -> Mapping[str, Driver]:
        if context.options:
            return {self.name: self._make(context)}
        return {self.name: LateDriver(self.name, partial(self._make, context))}

    def _make(self, context: DriverContext) -> Driver:
        module, _, name = self.place.partition(":")
        return cast(Driver, getattr(import_module(module), name)(context))


SHIPPED = (
    Offer("http", "infrafabric.transports.http.driver:HttpDriver"),
    Offer("tcp", "infrafabric.transports.tcp.driver:TcpDriver"),
    Offer("websocket", "infrafabric.transports.websocket.driver:WebSocketDriver"),
    *([Offer("obs", "infrafabric.transports.obs.driver:ObsDriver")] if find_spec("simpleobsws") else []),  # the extra
)
"""Register each with `kernel.hooks.manager()` under its name to have its driver."""
