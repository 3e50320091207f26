"""A vMix on loopback: a real server with vMix's HTTP API and TCP API, for tests, for the demo, and to try things on.

    python -m infrafabric.control.demo.simulator --port 8088 --tcp-port 8099

vMix itself runs on Windows only. What is simulated is what its public documentation and a recorded state document say,
with the traits that catch clients out: a GET writes; a known function answers 200 whatever becomes of it; a transition
shows in the state only when it is over; meters move at every read.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from infrafabric.control.demo.simulator_actions import known_functions, perform
from infrafabric.control.demo.simulator_desk import Desk
from infrafabric.control.demo.simulator_http import serve_http
from infrafabric.control.demo.simulator_state import BUSES, VERSION, AudioBus, Studio, snapshot, standard_show
from infrafabric.control.demo.simulator_tcp import Subscribers, serve_tcp

__all__ = ["Faults", "Request", "VmixSimulator", "peer"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in. `function` is "" for a read of the state; `at` is in seconds since the start."""

    at: float
    door: str
    """`http` or `tcp`."""
    function: str
    query: Mapping[str, str]
    status: int
    """As HTTP says it: 200 done, 500 unknown function. 0 where the connection was dropped instead."""


@dataclass(slots=True)
class Faults:
    """What goes wrong on purpose. May be altered while the simulator runs. All but `delay_s` concern functions only."""

    ignore: set[str] = field(default_factory=set)
    """Functions that are answered with 200 and not performed; `*` stands for all."""
    delay_s: float = 0.0
    """How long each HTTP answer is held back."""
    drop_before: int = 0
    """How many of the next HTTP connections are cut before the function is performed."""
    drop_after: int = 0
    """How many of the next HTTP connections are cut after the function was performed, without an answer."""


class VmixSimulator:
    """`async with VmixSimulator() as vmix:` listens on loopback, on free ports unless some are given.

    `requests` is the log of what came in; `program`, `preview` and `studio` show what is, without a request.
    """

    def __init__(
        self,
        studio: Studio | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tcp_port: int = 0,
        overlay_ms: int = 300,
        clock: Callable[[], float] = time.monotonic,
        on_request: Callable[[Request], None] | None = None,
    ) -> None:
        self.studio = studio if studio is not None else standard_show()
        self.desk = Desk(self.studio, clock, overlay_ms)
        self.faults = Faults()
        self.requests: list[Request] = []
        self.subscribers = Subscribers(self.desk)
        self.host, self.port, self.tcp_port = host, port, tcp_port
        self._clock, self._on_request = clock, on_request
        self._started = clock()
        self._servers: list[asyncio.Server] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    # --- what there is to see

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/api/"

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of a target that is this simulator."""
        return {"VMIX_HOST": self.host, "VMIX_PORT": str(self.port), "VMIX_TCP_PORT": str(self.tcp_port)}

    @property
    def secrets(self) -> Mapping[str, str]:
        """vMix has none."""
        return {}

    @property
    def program(self) -> str:
        """Title of the input on program."""
        self.desk.advance()
        return self.studio.program.title

    @property
    def preview(self) -> str:
        """Title of the input on preview."""
        self.desk.advance()
        return self.studio.preview.title

    def writes(self) -> list[Request]:
        """The requests that asked for a function."""
        return [request for request in self.requests if request.function]

    def snapshot(self) -> dict[str, Any]:
        """The state without what moves by itself: two snapshots are equal when nothing was changed between them."""
        self.desk.advance()
        return snapshot(self.studio)

    def document(self) -> str:
        """The state document as a client would read it now."""
        self.desk.advance()
        return self.studio.document(self._clock())

    # --- what others do to it

    def by_hand(self, function: str, **query: str) -> None:
        """Another hand at the desk: performs a function that is in no request log. Raises ValueError if unknown."""
        if not perform(self.desk, function, query):
            raise ValueError(f"vMix has no function {function!r}")
        self.changed()

    def function(self, door: str, name: str, query: Mapping[str, str]) -> bool:
        """A request for a function: performed, unless a fault says otherwise, and logged. False: unknown."""
        known = name in known_functions()
        if known and not self.faults.ignore & {name, "*"}:
            perform(self.desk, name, query)
        self._log(door, name, query, 200 if known else 500)
        self.changed()
        return known

    def dropped(self, door: str, name: str, query: Mapping[str, str]) -> None:
        """A request whose connection is cut before anything was done."""
        self._log(door, name, query, 0)

    def read(self, door: str) -> str:
        """A request for the state."""
        self._log(door, "", {}, 200)
        return self.document()

    def _log(self, door: str, function: str, query: Mapping[str, str], status: int) -> None:
        request = Request(round(self._clock() - self._started, 3), door, function, dict(query), status)
        self.requests.append(request)
        if self._on_request is not None:
            self._on_request(request)

    def changed(self) -> None:
        """Tell subscribers what differs, now and again when what is under way is over."""
        self.desk.advance()
        self.subscribers.tell()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.desk.next_due
        if due is not None and self._servers:
            self._timer = asyncio.get_running_loop().call_later(max(due - self._clock(), 0) + 0.001, self.changed)

    # --- running

    async def start(self) -> None:
        """Listen. `port` and `tcp_port` then hold the real ports. Raises OSError where one is taken."""
        http = await asyncio.start_server(self._http, self.host, self.port)
        self._servers.append(http)
        self.port = http.sockets[0].getsockname()[1]
        tcp = await asyncio.start_server(self._tcp, self.host, self.tcp_port)
        self._servers.append(tcp)
        self.tcp_port = tcp.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._timer is not None:
            self._timer.cancel()
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving)
        for server in servers:
            await server.wait_closed()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except OSError:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._connection(serve_http(self, reader, writer), writer)

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._connection(serve_tcp(self, reader, writer), writer)

    async def _connection(self, serving: Coroutine[Any, Any, None], writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await serving
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client is gone, which is its right
        except asyncio.CancelledError:
            pass  # stop() ends connections so; a cancelled stream callback would be reported as an error by 3.11
        finally:
            self._serving.discard(task)
            self.subscribers.leave(writer)
            writer.transport.abort()


def peer() -> VmixSimulator:
    """What a conformance scenario starts that names this module as its peer: the standard show, all buses on."""
    studio = standard_show()
    studio.buses = {letter: AudioBus() for letter in BUSES}
    return VmixSimulator(studio, overlay_ms=100)


async def _run(host: str, port: int, tcp_port: int) -> None:
    async with VmixSimulator(host=host, port=port, tcp_port=tcp_port, on_request=_show) as vmix:
        print(f"Simulated vMix {VERSION}: no real vMix is touched. Ctrl-C ends it.")
        print(f"  HTTP API  {vmix.url}")
        print(f"  TCP API   {vmix.host}:{vmix.tcp_port}")
        for number, item in enumerate(vmix.studio.inputs, 1):
            place = {vmix.program: "program", vmix.preview: "preview"}.get(item.title, "")
            print(f"  input {number}   {item.title:<22} {item.kind:<10} {place}")
        print(flush=True)
        await asyncio.Event().wait()


def _show(request: Request) -> None:
    what = f"{request.function} {dict(request.query)}" if request.function else "state"
    print(f"{request.at:9.3f} {request.door:<4} {request.status:>3} {what}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="infrafabric.control.demo.simulator", description="A simulated vMix.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback)")
    parser.add_argument("--port", type=int, default=8088, help="HTTP port, 0 for a free one (8088)")
    parser.add_argument("--tcp-port", type=int, default=8099, help="TCP port, 0 for a free one (8099)")
    given = parser.parse_args(arguments)
    try:
        asyncio.run(_run(given.host, given.port, given.tcp_port))
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        print(f"cannot listen: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
