"""The simulator's HTTP API (port 8088 in vMix): `GET /api` is the state, `GET /api/?Function=Cut&Input=2` a write."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from infrafabric.control.demo.simulator import VmixSimulator

__all__ = ["serve_http"]

MAX_HEADERS = 100
MAX_LINE = 64 * 1024
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}
PAGE = "<html><body><h1>vMix Web Controller</h1><p>Simulated. The API is at /api.</p></body></html>"


async def serve_http(vmix: VmixSimulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection until it closes (RFC 9112, as much of it as a GET needs; keep-alive included)."""
    while (line := await _line(reader)) is not None:
        if not line:
            continue
        parts = line.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            await _answer(writer, 400, "text/plain", "Bad request", keep=False)
            return
        method, target, version = parts
        headers = await _headers(reader)
        if headers is None:
            await _answer(writer, 400, "text/plain", "Bad request", keep=False)
            return
        wish = headers.get("connection", "").lower()
        keep = wish != "close" if version == "HTTP/1.1" else wish == "keep-alive"
        # A body would have to be read before the next request; vMix's API has none, so its connection ends instead.
        keep = keep and "content-length" not in headers and "transfer-encoding" not in headers
        if not await _respond(vmix, writer, method, target, keep) or not keep:
            return


async def _respond(vmix: VmixSimulator, writer: asyncio.StreamWriter, method: str, target: str, keep: bool) -> bool:
    """Answer one request; False where the connection is to be cut without an answer."""
    url = urlsplit(target)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    function = query.pop("Function", "")
    status, kind, text = 200, "text/html", PAGE
    if method != "GET":
        status, kind, text = 405, "text/plain", "Method not allowed"
    elif url.path.lower().rstrip("/") == "/api":
        if function and vmix.faults.drop_before > 0:
            vmix.faults.drop_before -= 1
            vmix.dropped("http", function, query)
            return False
        if not function:
            kind, text = "text/xml", vmix.read("http")
        elif vmix.function("http", function, query):
            kind, text = "text/html", "Function completed successfully."
        else:
            status, kind, text = 500, "text/html", "Function could not be completed."
        if vmix.faults.delay_s:
            await asyncio.sleep(vmix.faults.delay_s)
        if function and vmix.faults.drop_after > 0:
            vmix.faults.drop_after -= 1
            return False
    elif url.path != "/":
        status, kind, text = 404, "text/plain", "Not found"
    await _answer(writer, status, kind, text, keep=keep)
    return True


async def _line(reader: asyncio.StreamReader) -> str | None:
    """One line without its end; None at the end of the stream or where the line is too long."""
    try:
        raw = await reader.readline()
    except ValueError:
        return None
    return raw.decode("latin-1").rstrip("\r\n") if raw.endswith(b"\n") and len(raw) <= MAX_LINE else None


async def _headers(reader: asyncio.StreamReader) -> Mapping[str, str] | None:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = await _line(reader)
        if line is None:
            return None
        if not line:
            return headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return None


async def _answer(writer: asyncio.StreamWriter, status: int, kind: str, text: str, *, keep: bool) -> None:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    writer.write(head.encode("ascii") + body)
    await writer.drain()
