"""The drivers that ship with the kernel, each as a pluggy plugin of its own, so that each has its table of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec

from infrafabric.kernel.hooks import DriverContext, extension
from infrafabric.kernel.ports import Driver
from infrafabric.transports.http.driver import HttpDriver
from infrafabric.transports.obs.driver import ObsDriver
from infrafabric.transports.tcp.driver import TcpDriver
from infrafabric.transports.websocket.driver import WebSocketDriver

__all__ = ["SHIPPED", "Offer"]


class Offer:
    """A plugin that offers one driver, made with the settings under `[drivers.NAME]`."""

    def __init__(self, name: str, make: Callable[[DriverContext], Driver]) -> None:
        self.name = name
        self._make = make

    @extension
    def drivers(self, context: DriverContext) -> Mapping[str, Driver]:
        return {self.name: self._make(context)}


SHIPPED = (
    Offer(HttpDriver.name, HttpDriver),
    Offer(TcpDriver.name, TcpDriver),
    Offer(WebSocketDriver.name, WebSocketDriver),
    *([Offer(ObsDriver.name, ObsDriver)] if find_spec("simpleobsws") is not None else []),  # the extra `obs`
)
"""Register each with `kernel.hooks.manager()` under its name to have its driver."""
