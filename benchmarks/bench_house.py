"""What the benchmarks act on: a development home with the test house's lamps, and a no-op server in its own process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from infrafabric.control.changes import adopt
from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.making import make_home
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Ask
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.things import AddressClass, Grant, Target
from infrafabric.keys.passphrase import Passphrase
from infrafabric.registry.bundle import sign_bundle
from infrafabric.registry.trust import sign_trust
from infrafabric.registry.trust_edit import add_publisher, allow

__all__ = ["CAPABILITY", "ask", "bench_home", "lamp_server", "opened", "target_name"]

ADAPTER = Path(__file__).parents[1] / "tests" / "support" / "house"
CAPABILITY = capability_id("house.lamps")
NOBODY = Passphrase(environ={})


def target_name(number: int) -> str:
    return f"house@n{number}"


def ask(number: int, on: bool) -> Ask:
    """Lamp `hall` of house `number` on or off."""
    return Ask(CAPABILITY, OPERATOR, {"lamps": {"hall": on}}, "benchmark", target=target_name(number))


async def bench_home(root: Path, ports: list[int]) -> Home:
    """A home with a target for each port, all granted to the operator."""
    quiet = lambda text: None  # noqa: E731
    await make_home(
        root, "development", origin="bench.invalid/log", passphrase=NOBODY, export_root=None, trace=new_trace_id(),
        tell=quiet,
    )  # fmt: skip
    home = Home.open(root)
    unlimited = "talent_rps = 10000\ntalent_burst = 10000\ntarget_rps = 10000\ntarget_burst = 10000\n"
    home.settings_file.write_text(f"[governor]\n{unlimited}")
    async with open_house(home, "operating", passphrase=NOBODY) as house:
        bundle = sign_bundle(ADAPTER, "lamps.yaml", house.keystore.load("publisher"))
        house.bundles.install(bundle)
        house.registry.refresh()
        trust = add_publisher(house.trusted.trust, "bench", [house.keystore.public("publisher")], ["house.*"])
        await adopt(house, sign_trust(trust, house.keystore.load("root")), "publisher", "benchmark", new_trace_id())
        trust = allow(house.trusted.trust, bundle.manifest.id, bundle.manifest.version, bundle.digest)
        await adopt(house, sign_trust(trust, house.keystore.load("root")), "allow", "benchmark", new_trace_id())
        operator = house.operator(new_trace_id())
        for number, port in enumerate(ports):
            settings = {"HOUSE_PORT": str(port)}
            target = Target(name=target_name(number), settings=settings, allow_addresses=(AddressClass.LOOPBACK,))
            grant = Grant(talent=OPERATOR, capability=CAPABILITY, target=target.name)
            await house.record(operator.target(target, "benchmark"), operator.grant(grant, "benchmark"))
    return home


def opened(home: Home) -> contextlib.AbstractAsyncContextManager[House]:
    return open_house(home, "acting", passphrase=NOBODY)


@contextlib.asynccontextmanager
async def lamp_server(count: int) -> AsyncIterator[list[int]]:
    """Ports of `count` houses, one process in all: each remembers its lamps and does nothing else."""
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, str(count), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield json.loads(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


class _House(asyncio.Protocol):
    """Just enough HTTP for the driver: one request at a time, bodies in one piece."""

    def __init__(self, lamps: dict[str, bool]) -> None:
        self._lamps = lamps
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, body = self._buffer.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if not mark or (lengths and len(body) < int(lengths[0].split(b":")[1])):
            return
        self._buffer = b""
        if head.startswith(b"POST /lamps/"):
            self._lamps[head.split(b" ")[1].rpartition(b"/")[2].decode()] = json.loads(body)["on"]
        answer = json.dumps({"lamps": self._lamps}).encode()
        self._transport.write(  # type: ignore[attr-defined]
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
        )


async def _serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    ports = []
    for _ in range(count):
        lamps = {"hall": False}
        server = await loop.create_server(lambda lamps=lamps: _House(lamps), "127.0.0.1", 0)  # type: ignore[misc]
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(int(sys.argv[1])))
