"""The simulator's TCP API (port 8099 in vMix): lines ended by CRLF, one reply a request, pushes for subscribers.

VERSION OK 27.0.0.81             the greeting, before anything is asked
FUNCTION Cut Input=2         ->  FUNCTION OK Cut
XML                          ->  XML 5123  and that many bytes, the final CRLF included
XMLTEXT vmix/active          ->  XMLTEXT OK 2
TALLY                        ->  TALLY OK 0121   one digit an input: 0 off, 1 program, 2 preview
SUBSCRIBE TALLY | ACTS       ->  SUBSCRIBE OK TALLY, then TALLY OK … or ACTS OK Input 1 1 at every change
"""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET  # noqa: S405  (parses only the simulator's own document)
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from infrafabric.control.demo.simulator_desk import Desk
from infrafabric.control.demo.simulator_state import VERSION, Studio

if TYPE_CHECKING:
    from infrafabric.control.demo.simulator import VmixSimulator

__all__ = ["Subscribers", "activators", "serve_tcp", "tally"]

TOPICS = ("TALLY", "ACTS")
_PATH = re.compile(r"\w+(\[(\d{1,6}|@\w+='[^']*')\])?(/\w+(\[(\d{1,6}|@\w+='[^']*')\])?)*")


class Subscribers:
    """Who wants to hear of changes. Pushes only what differs from what was last told."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._topics: dict[asyncio.StreamWriter, set[str]] = {}
        self._told: dict[str, str] = activators(desk.studio)
        self._tally = tally(desk)

    def join(self, writer: asyncio.StreamWriter, topic: str) -> None:
        self._topics.setdefault(writer, set()).add(topic)

    def leave(self, writer: asyncio.StreamWriter, topic: str | None = None) -> None:
        if topic is None:
            self._topics.pop(writer, None)
        elif writer in self._topics:
            self._topics[writer].discard(topic)

    def tell(self) -> None:
        """Push what changed since the last call."""
        before, self._told = self._told, activators(self._desk.studio)
        events = [f"ACTS OK {name} {value}" for name, value in self._told.items() if before.get(name) != value]
        self._send("ACTS", events)
        was, self._tally = self._tally, tally(self._desk)
        self._send("TALLY", [f"TALLY OK {self._tally}"] if was != self._tally else [])

    def _send(self, topic: str, lines: list[str]) -> None:
        for writer, topics in self._topics.items():
            if topic in topics and not writer.is_closing():
                writer.write("".join(f"{line}\r\n" for line in lines).encode())


def tally(desk: Desk) -> str:
    """One digit an input. What arrives by a transition, or lies over the program, is on program already."""
    studio = desk.studio
    live = {id(studio.program), id(desk.in_transition())}
    live |= {id(overlay.shown) for overlay in studio.overlays if overlay.shown is not None and not overlay.preview}
    return "".join("1" if id(item) in live else "2" if item is studio.preview else "0" for item in studio.inputs)


def activators(studio: Studio) -> dict[str, str]:
    """Activator events by name and input, as they would be told now."""
    told: dict[str, str] = {}
    for number, item in enumerate(studio.inputs, 1):
        told[f"Input {number}"] = _bit(item is studio.program)
        told[f"InputPreview {number}"] = _bit(item is studio.preview)
        for overlay_number, overlay in enumerate(studio.overlays, 1):
            told[f"Overlay{overlay_number} {number}"] = _bit(overlay.shown is item and not overlay.preview)
        if item.audio:
            told[f"InputAudio {number}"] = _bit(not item.muted)
            told[f"InputVolume {number}"] = f"{item.volume / 100:.4g}"
            told[f"InputSolo {number}"] = _bit(item.solo)
    told["MasterAudio"], told["MasterVolume"] = _bit(not studio.master.muted), f"{studio.master.volume / 100:.4g}"
    for letter, bus in studio.buses.items():
        told[f"Bus{letter}Audio"], told[f"Bus{letter}Volume"] = _bit(not bus.muted), f"{bus.volume / 100:.4g}"
    told["FadeToBlack"], told["External"] = _bit(studio.fade_to_black), _bit(studio.external)
    told["Recording"], told["MultiCorder"] = _bit(studio.recording_since is not None), _bit(studio.multicorder)
    told["Streaming"] = _bit(any(studio.streams))
    return told


async def serve_tcp(vmix: VmixSimulator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection until QUIT or its end."""
    writer.write(f"VERSION OK {VERSION}\r\n".encode())
    await writer.drain()
    while True:
        try:
            raw = await reader.readline()
        except ValueError:
            return
        if not raw.endswith(b"\n"):
            return
        command, _, rest = raw.decode("utf-8", "replace").strip().partition(" ")
        if not command:
            continue
        if command.upper() == "QUIT":
            writer.write(b"QUIT OK Bye\r\n")
            await writer.drain()
            return
        writer.write(_reply(vmix, writer, command.upper(), rest.strip()))
        await writer.drain()


def _reply(vmix: VmixSimulator, writer: asyncio.StreamWriter, command: str, rest: str) -> bytes:
    if command == "XML":
        document = vmix.read("tcp").encode() + b"\r\n"
        return f"XML {len(document)}\r\n".encode() + document
    if command == "VERSION":
        return _line("VERSION OK", VERSION)
    if command == "FUNCTION":
        name, _, query = rest.partition(" ")
        known = vmix.function("tcp", name, dict(parse_qsl(query, keep_blank_values=True)))
        return _line("FUNCTION OK", name) if known else _line("FUNCTION ER", f"Unknown function {name}")
    if command == "XMLTEXT":
        found = _xml_text(vmix.read("tcp"), rest)
        return _line("XMLTEXT ER", "Path not found") if found is None else _line("XMLTEXT OK", found)
    if command == "TALLY":
        vmix.desk.advance()
        return _line("TALLY OK", tally(vmix.desk))
    topic = rest.upper()
    if command in ("SUBSCRIBE", "UNSUBSCRIBE") and topic in TOPICS:
        if command == "UNSUBSCRIBE":
            vmix.subscribers.leave(writer, topic)
            return _line("UNSUBSCRIBE OK", topic)
        vmix.subscribers.join(writer, topic)
        now = _line("TALLY OK", tally(vmix.desk)) if topic == "TALLY" else b""
        return _line("SUBSCRIBE OK", topic) + now
    return _line(
        f"{command[:40]} ER", "Unknown command" if command not in ("SUBSCRIBE", "UNSUBSCRIBE") else "Unknown topic"
    )


def _xml_text(document: str, path: str) -> str | None:
    """The text or attribute at a simple XPath such as `vmix/inputs/input[1]/@title`; None where nothing is there."""
    steps, _, attribute = path.strip("/").partition("/@")
    below = re.sub(r"^vmix(/|$)", "", steps)
    if below and _PATH.fullmatch(below) is None:
        return None
    root = ET.fromstring(document)  # noqa: S314  (the simulator's own document)
    element = root.find(below) if below else root
    if element is None:
        return None
    return element.get(attribute) if attribute else element.text or ""


def _line(status: str, message: str) -> bytes:
    return f"{status} {message}\r\n".encode()


def _bit(on: bool) -> str:
    return "1" if on else "0"
