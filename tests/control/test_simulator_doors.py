"""The simulated vMix over real sockets: the HTTP API, the TCP API, faults, and the log of requests."""

from __future__ import annotations

import asyncio
import contextlib
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator

import httpx
import pytest

from infrafabric.control.demo.simulator import VmixSimulator


@pytest.fixture
async def vmix() -> AsyncIterator[VmixSimulator]:
    async with VmixSimulator(overlay_ms=20) as running:
        yield running


@pytest.fixture
async def http(vmix: VmixSimulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{vmix.host}:{vmix.port}", trust_env=False) as client:
        yield client


class Client:
    """A bare client of the TCP API."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def line(self) -> str:
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 5)).decode().removesuffix("\r\n")

    async def ask(self, request: str) -> str:
        self.writer.write(f"{request}\r\n".encode())
        return await self.line()


@pytest.fixture
async def tcp(vmix: VmixSimulator) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(vmix.host, vmix.tcp_port)
    client = Client(reader, writer)
    assert await client.line() == "VERSION OK 27.0.0.81"
    yield client
    writer.close()


@pytest.mark.parametrize("path", ["/api", "/api/", "/API/"])
async def test_state_is_one_xml_document(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert ET.fromstring(answer.text).findtext("active") == "1"  # noqa: S314
    assert "\n" not in answer.text


async def test_a_get_writes_and_the_log_has_it(vmix: VmixSimulator, http: httpx.AsyncClient) -> None:
    assert (await http.get("/api/", params={"Function": "Cut", "Input": "Slides & Titles"})).status_code == 200
    assert (vmix.program, vmix.preview) == ("Slides & Titles", "Camera 1")
    await http.get("/api")
    assert [(r.door, r.function, dict(r.query), r.status) for r in vmix.requests] == [
        ("http", "Cut", {"Input": "Slides & Titles"}, 200),
        ("http", "", {}, 200),
    ]
    assert [request.function for request in vmix.writes()] == ["Cut"]


async def test_unknown_function_is_500_and_other_paths_404(vmix: VmixSimulator, http: httpx.AsyncClient) -> None:
    assert (await http.get("/api/?Function=LaunchRocket")).status_code == 500
    assert (await http.get("/elsewhere")).status_code == 404
    assert (await http.post("/api/?Function=Cut")).status_code == 405
    assert vmix.program == "Camera 1"


async def test_what_is_not_http_is_turned_away(vmix: VmixSimulator) -> None:
    reader, writer = await asyncio.open_connection(vmix.host, vmix.port)
    writer.write(b"FUNCTION Cut Input=2\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    assert vmix.requests == []


async def test_ignored_function_answers_200_and_does_nothing(vmix: VmixSimulator, http: httpx.AsyncClient) -> None:
    vmix.faults.ignore = {"Cut"}
    assert (await http.get("/api/?Function=Cut&Input=3")).status_code == 200
    assert vmix.program == "Camera 1"
    assert len(vmix.writes()) == 1


async def test_a_cut_connection_leaves_the_caller_in_doubt(vmix: VmixSimulator, http: httpx.AsyncClient) -> None:
    vmix.faults.drop_before = 1
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get("/api/?Function=Cut&Input=3")
    assert vmix.program == "Camera 1"
    vmix.faults.drop_after = 1
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get("/api/?Function=Cut&Input=3")
    assert vmix.program == "Intro"
    assert [request.status for request in vmix.requests] == [0, 200]


async def test_another_hand_is_in_no_log(vmix: VmixSimulator) -> None:
    vmix.by_hand("CutDirect", Input="Guest")
    assert (vmix.program, vmix.requests) == ("Guest", [])
    with pytest.raises(ValueError, match="LaunchRocket"):
        vmix.by_hand("LaunchRocket")


async def test_tcp_functions_xml_and_paths(vmix: VmixSimulator, tcp: Client) -> None:
    assert await tcp.ask("FUNCTION SetText Input=4&SelectedName=Headline.Text&Value=a%20b%26c") == "FUNCTION OK SetText"
    assert vmix.studio.inputs[3].texts["Headline.Text"] == "a b&c"
    assert await tcp.ask("FUNCTION LaunchRocket") == "FUNCTION ER Unknown function LaunchRocket"
    assert await tcp.ask("XMLTEXT vmix/inputs/input[3]/@title") == "XMLTEXT OK Intro"
    assert await tcp.ask("XMLTEXT vmix/active") == "XMLTEXT OK 1"
    assert await tcp.ask("XMLTEXT vmix/nothing/[") == "XMLTEXT ER Path not found"
    command, length = (await tcp.ask("XML")).split()
    document = await tcp.reader.readexactly(int(length))
    assert command == "XML"
    assert document.endswith(b"</vmix>\r\n")
    assert await tcp.ask("DANCE") == "DANCE ER Unknown command"
    assert await tcp.ask("QUIT") == "QUIT OK Bye"
    assert await tcp.reader.read() == b""


async def test_tcp_tells_subscribers_what_changed(vmix: VmixSimulator, tcp: Client) -> None:
    assert await tcp.ask("SUBSCRIBE TALLY") == "SUBSCRIBE OK TALLY"
    assert await tcp.line() == "TALLY OK 120000000"
    vmix.by_hand("Fade", Input="3", Duration="50")
    assert await tcp.line() == "TALLY OK 121000000"  # both are seen while it fades
    assert await tcp.line() == "TALLY OK 201000000"
    assert await tcp.ask("UNSUBSCRIBE TALLY") == "UNSUBSCRIBE OK TALLY"
    assert await tcp.ask("SUBSCRIBE ACTS") == "SUBSCRIBE OK ACTS"
    vmix.by_hand("AudioOff", Input="6")
    assert await tcp.line() == "ACTS OK InputAudio 6 0"


async def test_overlay_timer_tells_without_a_request(vmix: VmixSimulator, tcp: Client) -> None:
    assert await tcp.ask("SUBSCRIBE ACTS") == "SUBSCRIBE OK ACTS"
    vmix.by_hand("OverlayInput8In", Input="4")
    assert await tcp.line() == "ACTS OK Overlay8 4 1"


async def test_stopping_cuts_open_connections() -> None:
    vmix = VmixSimulator()
    await vmix.start()
    reader, writer = await asyncio.open_connection(vmix.host, vmix.tcp_port)
    await reader.readline()
    await vmix.stop()
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(vmix.host, vmix.tcp_port)
