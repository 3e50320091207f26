"""The studio that the simulator keeps: inputs, mix, overlays, audio, outputs, and the XML document that shows them.

The document follows one that vMix 27.0.0.81 wrote: no white space between elements, `True`/`False`, volumes as
amplitude (the fourth power of the fader), meters and positions that move at every read.
"""

from __future__ import annotations

import random
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

__all__ = [
    "BUSES",
    "OVERLAYS",
    "STREAMS",
    "TRANSITION_BUTTONS",
    "AudioBus",
    "Input",
    "Overlay",
    "Studio",
    "standard_show",
]

VERSION = "27.0.0.81"
OVERLAYS = 8
STREAMS = 5
BUSES = "ABCDEFG"
TRANSITION_BUTTONS = (("Fade", 500), ("Merge", 1000), ("Wipe", 1000), ("CubeZoom", 1000))
_NAMESPACE = uuid.UUID("6f1b7d0e-3c63-4a8e-9a55-0d5b6c0a7e11")


@dataclass(slots=True)
class Ramp:
    """A fader on its way: from one position to another between two times, in seconds."""

    start: float
    end: float
    from_value: float
    to_value: float


@dataclass(slots=True)
class AudioBus:
    """The master or one of the buses A to G. `volume` is the fader's position, 0 to 100."""

    volume: float = 100.0
    muted: bool = False
    solo: bool = False
    send_to_master: bool = False
    ramp: Ramp | None = None


@dataclass(slots=True)
class Input:
    """One input of the mixer. `audio` says whether it has sound at all; pictures and colours have none."""

    key: str
    kind: str
    title: str
    short_title: str
    audio: bool = True
    state: str = "Running"
    loop: bool = False
    position: int = 0
    duration: int = 0
    muted: bool = False
    volume: float = 100.0
    balance: float = 0.0
    solo: bool = False
    solo_pfl: bool = False
    gain_db: float = 0.0
    buses: set[str] = field(default_factory=lambda: {"M"})
    texts: dict[str, str] = field(default_factory=dict)
    ramp: Ramp | None = None


@dataclass(slots=True)
class Overlay:
    """One overlay channel. `preview` marks one that is shown on the preview only."""

    shown: Input | None = None
    preview: bool = False
    last: Input | None = None


@dataclass(slots=True)
class Studio:
    """All that vMix would show in its state document. Inputs are numbered by their place in `inputs`, from 1."""

    inputs: list[Input]
    program: Input
    preview: Input
    overlays: list[Overlay] = field(default_factory=lambda: [Overlay() for _ in range(OVERLAYS)])
    transitions: list[tuple[str, int]] = field(default_factory=lambda: list(TRANSITION_BUTTONS))
    fade_to_black: bool = False
    recording_since: float | None = None
    streams: list[bool] = field(default_factory=lambda: [False] * STREAMS)
    external: bool = False
    multicorder: bool = False
    playlist: bool = False
    fullscreen: bool = False
    master: AudioBus = field(default_factory=AudioBus)
    headphones: float = 100.0
    buses: dict[str, AudioBus] = field(default_factory=lambda: {"A": AudioBus(), "B": AudioBus()})
    dynamic_inputs: list[str] = field(default_factory=lambda: [""] * 4)
    dynamic_values: list[str] = field(default_factory=lambda: [""] * 4)
    noise: random.Random = field(default_factory=lambda: random.Random(8088))  # noqa: S311  (meters, not keys)

    def number(self, item: Input) -> int:
        return self.inputs.index(item) + 1

    def find(self, reference: str) -> Input | None:
        """The input under a number, 0 (preview), -1 (program), a key or an exact title; None where there is none."""
        text = reference.strip()
        if text in ("0", ""):
            return self.preview
        if text == "-1":
            return self.program
        if text.isdecimal():
            place = int(text) - 1
            return self.inputs[place] if place < len(self.inputs) else None
        by_key = next((item for item in self.inputs if item.key == text.lower()), None)
        return by_key or next((item for item in self.inputs if text in (item.title, item.short_title)), None)

    def add(self, kind: str, title: str, **more: object) -> Input:
        """Append an input with a key that depends on its place and title alone, so that runs repeat."""
        key = str(uuid.uuid5(_NAMESPACE, f"{len(self.inputs) + 1} {title}"))
        item = Input(key, kind, title, str(more.pop("short_title", title)), **more)  # type: ignore[arg-type]
        self.inputs.append(item)
        return item

    def document(self, now: float) -> str:
        """The state as XML, as it stands at `now`. Meters differ at every call."""
        return "".join(self._parts(now))

    def _parts(self, now: float) -> Iterator[str]:
        yield f"<vmix><version>{VERSION}</version><edition>4K</edition>"
        yield r"<preset>C:\Shows\Evening.vmix</preset><inputs>"
        for number, item in enumerate(self.inputs, 1):
            yield self._input(number, item)
        yield "</inputs><overlays>"
        for number, overlay in enumerate(self.overlays, 1):
            if overlay.shown is None:
                yield f'<overlay number="{number}" />'
            else:
                preview = ' preview="True"' if overlay.preview else ""
                yield f'<overlay number="{number}"{preview}>{self.number(overlay.shown)}</overlay>'
        yield f"</overlays><preview>{self.number(self.preview)}</preview><active>{self.number(self.program)}</active>"
        yield f"<fadeToBlack>{self.fade_to_black}</fadeToBlack><transitions>"
        for number, (effect, duration) in enumerate(self.transitions, 1):
            yield f'<transition number="{number}" effect={quoteattr(effect)} duration="{duration}" />'
        yield "</transitions>"
        yield self._recording(now)
        yield f"<external>{self.external}</external>"
        yield self._streaming()
        yield f"<playList>{self.playlist}</playList><multiCorder>{self.multicorder}</multiCorder>"
        yield f"<fullscreen>{self.fullscreen}</fullscreen><audio>"
        yield (
            f'<master volume="{amplitude(self.master.volume)}" muted="{self.master.muted}" {self._meters()}'
            f' headphonesVolume="{amplitude(self.headphones)}" />'
        )
        for letter, bus in sorted(self.buses.items()):
            yield (
                f'<bus{letter} volume="{amplitude(bus.volume)}" muted="{bus.muted}" {self._meters()}'
                f' solo="{bus.solo}" sendToMaster="{bus.send_to_master}" />'
            )
        yield "</audio><dynamic>"
        for name, values in (("input", self.dynamic_inputs), ("value", self.dynamic_values)):
            for number, value in enumerate(values, 1):
                yield f"<{name}{number}>{escape(value)}</{name}{number}>"
        yield "</dynamic></vmix>"

    def _input(self, number: int, item: Input) -> str:
        if item.state == "Running" and item.duration:
            item.position = (item.position + 40) % item.duration
        head = (
            f'<input key="{item.key}" number="{number}" type={quoteattr(item.kind)} title={quoteattr(item.title)}'
            f' shortTitle={quoteattr(item.short_title)} state="{item.state}" position="{item.position}"'
            f' duration="{item.duration}" loop="{item.loop}"'
        )
        if item.audio:
            buses = ",".join(letter for letter in "M" + BUSES if letter in item.buses)
            head += (
                f' muted="{item.muted}" volume="{amplitude(item.volume)}" balance="{plain(item.balance)}"'
                f' solo="{item.solo}" soloPFL="{item.solo_pfl}" audiobusses="{buses}" {self._meters()}'
                f' gainDb="{plain(item.gain_db)}"'
            )
        texts = "".join(
            f'<text index="{index}" name={quoteattr(name)}>{escape(text)}</text>'
            for index, (name, text) in enumerate(item.texts.items())
        )
        return f"{head}>{escape(item.title)}{texts}</input>"

    def _recording(self, now: float) -> str:
        if self.recording_since is None:
            return "<recording>False</recording>"
        return f'<recording duration="{int(now - self.recording_since)}">True</recording>'

    def _streaming(self) -> str:
        if not any(self.streams):
            return "<streaming>False</streaming>"
        channels = "".join(f' channel{number}="{on}"' for number, on in enumerate(self.streams, 1))
        return f"<streaming{channels}>True</streaming>"

    def _meters(self) -> str:
        left, right = (self.noise.uniform(1e-3, 4e-2) for _ in range(2))
        return f'meterF1="{left:.7G}" meterF2="{right:.7G}"'


def amplitude(fader: float) -> str:
    """What vMix reports for a fader at 0 to 100: 100 * (fader / 100)^4 in single precision (88 shows as 59.96953)."""
    share = _single(fader / 100)
    return plain(_single(_single(share**4) * 100))


def plain(value: float) -> str:
    """Seven significant digits, as .NET writes a Single."""
    return f"{value + 0.0:.7G}"


def _single(value: float) -> float:
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def standard_show() -> Studio:
    """A small evening show: Camera 1 on program, Camera 2 on preview."""
    first = Input(str(uuid.uuid5(_NAMESPACE, "1 Camera 1")), "Capture", "Camera 1", "Camera 1")
    studio = Studio([first], program=first, preview=first)
    studio.preview = studio.add("Capture", "Camera 2", volume=88.0)
    studio.add("Video", "Intro", state="Paused", duration=12_000)
    studio.add(
        "GT", "Lower Third", audio=False, texts={"Headline.Text": "Welcome", "Description.Text": "Live at eight"}
    )
    studio.add("Image", "Slides & Titles", audio=False, state="Paused")
    studio.add("AudioFile", "Music", volume=60.0, loop=True, duration=180_000, buses={"M", "A"})
    studio.add("VideoCall", "Guest", muted=True, buses={"M", "B"})
    studio.add("VideoList", "Adverts - spring.mp4", short_title="Adverts", state="Paused", duration=30_000)
    studio.add("Colour", "Black", audio=False, state="Paused")
    return studio


def snapshot(studio: Studio) -> dict[str, Any]:
    """The state as JSON, without meters, positions and the length of a recording."""
    return {
        "program": studio.program.title,
        "preview": studio.preview.title,
        "inputs": [_input_snapshot(item) for item in studio.inputs],
        "overlays": [_overlay_snapshot(overlay) for overlay in studio.overlays],
        "transitions": [list(button) for button in studio.transitions],
        "fade_to_black": studio.fade_to_black,
        "recording": studio.recording_since is not None,
        "streams": list(studio.streams),
        "external": studio.external,
        "multicorder": studio.multicorder,
        "playlist": studio.playlist,
        "fullscreen": studio.fullscreen,
        "audio": {name: _bus_snapshot(bus) for name, bus in {"M": studio.master, **studio.buses}.items()},
        "headphones": studio.headphones,
        "dynamic": [list(studio.dynamic_inputs), list(studio.dynamic_values)],
    }


def _input_snapshot(item: Input) -> dict[str, Any]:
    shape: dict[str, Any] = {"key": item.key, "title": item.title, "loop": item.loop, "texts": dict(item.texts)}
    if item.audio:
        shape |= {
            "muted": item.muted,
            "volume": round(item.volume, 3),
            "balance": item.balance,
            "solo": item.solo,
            "solo_pfl": item.solo_pfl,
            "gain_db": item.gain_db,
            "buses": "".join(sorted(item.buses)),
        }
    return shape


def _overlay_snapshot(overlay: Overlay) -> str | None:
    if overlay.shown is None:
        return None
    return f"{overlay.shown.title} (preview)" if overlay.preview else overlay.shown.title


def _bus_snapshot(bus: AudioBus) -> dict[str, Any]:
    return {
        "volume": round(bus.volume, 3),
        "muted": bus.muted,
        "solo": bus.solo,
        "send_to_master": bus.send_to_master,
    }
