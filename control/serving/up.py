"""A kernel that stays: the home opened for acting, its HTTP API and console, its local door, its own duties."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from infrafabric.control.cli.signals import hearing_signals
from infrafabric.control.door_settings import ServeSettings
from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.local.calls import ConsoleLink
from infrafabric.control.local.door import local_door
from infrafabric.control.local.place import is_served
from infrafabric.control.operator import OPERATOR
from infrafabric.control.serving.background import background
from infrafabric.control.serving.listening import Address, address_of, close, listen, tls_of
from infrafabric.control.serving.notify import notify
from infrafabric.control.settings import load_settings
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.passphrase import Passphrase

if TYPE_CHECKING:
    from infrafabric.control.api.service import Service
    from infrafabric.control.serving.web import Web

__all__ = ["Up", "serve"]

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Up:
    """What is up, and where."""

    home: str
    kind: str
    origin: str
    vkey: str
    pid: int
    url: str
    console: str
    """A link that opens one console session of the operator."""
    local: bool
    """Whether other ifctl commands of this machine can use this kernel."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def serve(
    home: Home,
    passphrase: Passphrase,
    *,
    host: str | None = None,
    port: int | None = None,
    tell: Tell,
    progress: Tell,
    opened: Callable[[House], None],
    up: Callable[[Up], None],
) -> None:
    """Serve a home until a SIGINT, SIGTERM or SIGHUP; further ones change nothing.

    `tell` hears what is to be said meanwhile, `progress` what takes time, `opened` of the house when it is open, `up`
    when everything is.

    Raises what `open_house` raises, IF_ERR_HOME_LOCKED where a kernel serves it already, IF_ERR_TLS_REQUIRED,
    IF_ERR_PRODUCTION_ONLY, IF_ERR_PORT_TAKEN, IF_ERR_SETTINGS_INVALID.
    """
    settings = load_settings(home.settings_file)
    chosen = _chosen(settings.serve, host, port)
    address = address_of(chosen, development=home.is_development)
    tls = tls_of(chosen)
    if await asyncio.to_thread(is_served, home.root):
        said = f"a kernel serves {home.root} already, in {home.lock.holder()}"
        raise FabricError(Code.HOME_LOCKED, said, remedy="Use that one, or end it first (SIGTERM).")
    sockets = listen(address)
    task, stop, ready = asyncio.current_task(), asyncio.Event(), False

    def ended() -> None:
        if not ready and task is not None:
            task.cancel()
        elif not stop.is_set():
            stop.set()
            tell("stopping: what is in hand is ended first")

    async with AsyncExitStack() as stack:
        stack.callback(close, sockets)
        stack.enter_context(hearing_signals(ended))
        house = await stack.enter_async_context(open_house(home, "serving", passphrase=passphrase, tell=progress))
        house.settings = house.settings.model_copy(update={"serve": chosen})
        opened(house)
        from infrafabric.control.api.app import create_app
        from infrafabric.control.api.service import Service
        from infrafabric.control.serving.web import web

        service = Service.of(house)
        port = sockets[0].getsockname()[1]
        base = address.console_host(port)

        async def link(call: ConsoleLink) -> dict[str, str]:
            return {"url": _link(service, base, call.talent)}

        await stack.enter_async_context(house.anchoring(tell))
        await stack.enter_async_context(background(house, tell, service.keep))
        server = await stack.enter_async_context(web(create_app(service), chosen, sockets, tls))
        door = await stack.enter_async_context(local_door(house, service.keep, chosen.stop_s, {ConsoleLink: link}))
        stack.push_async_callback(_ending, service, server)
        up(_up(house, address, port, _link(service, base, OPERATOR), local=door is not None))
        notify(f"READY=1\nSTATUS=serving {address.url(port)}")
        ready = True
        await stop.wait()
        notify("STOPPING=1")


async def _ending(service: Service, server: Web) -> None:
    """Let nobody in, and end what has no end of its own, before what is in hand is waited for."""
    server.end()
    await service.end_streams()
    await service.mcp.close()


def _chosen(serve: ServeSettings, host: str | None, port: int | None) -> ServeSettings:
    """The settings with what the command line says instead."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    try:
        return ServeSettings.model_validate({**serve.model_dump(), **given})
    except ValidationError:
        raise FabricError(Code.USAGE, "--host or --port is none") from None


def _link(service: Service, base: str, talent: str) -> str:
    return f"{base}/console/enter#{service.sessions.link(talent)}"


def _up(house: House, address: Address, port: int, console: str, *, local: bool) -> Up:
    home = house.home
    return Up(
        home=str(home.root), kind=home.kind, origin=house.log.origin, vkey=house.log.vkey, pid=os.getpid(),
        url=address.url(port), console=console, local=local,
    )  # fmt: skip
