"""The hands of the simulated mixer: what functions do to the studio. What takes time in vMix takes time here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from infrafabric.control.demo.simulator_state import BUSES, OVERLAYS, AudioBus, Input, Ramp, Studio

__all__ = ["TRANSITIONS", "Desk", "Query"]

TRANSITIONS = (
    "Cut", "Fade", "Zoom", "Wipe", "Slide", "Fly", "CrossZoom", "FlyRotate", "Cube", "CubeZoom", "VerticalWipe",
    "VerticalSlide", "Merge", "WipeReverse", "SlideReverse", "VerticalWipeReverse", "VerticalSlideReverse",
    "BarnDoor", "RollerDoor",
)  # fmt: skip
"""Transitions are functions too; the reference lists them apart ("the names exactly match the user interface")."""

DEFAULT_TRANSITION_MS = 500
MAX_DURATION_MS = 60_000

Query = Mapping[str, str]


class Desk:
    """The mixer's hands: performs functions on a studio, and lets time move what moves by itself.

    `clock` is in seconds. `overlay_ms` is how long an overlay's own transition takes, in and out.
    """

    def __init__(self, studio: Studio, clock: Callable[[], float], overlay_ms: int = 300) -> None:
        self.studio = studio
        self._clock = clock
        self._overlay_ms = overlay_ms
        self._pending: list[tuple[float, str, Callable[[], None]]] = []

    def advance(self) -> None:
        """Let everything happen whose time has come."""
        now = self._clock()
        due = sorted((item for item in self._pending if item[0] <= now), key=lambda item: item[0])
        self._pending = [item for item in self._pending if item[0] > now]
        for _, _, happen in due:
            happen()
        for moving in self._faders():
            if moving.ramp is not None:
                moving.volume = _position(moving.ramp, now)
                if now >= moving.ramp.end:
                    moving.ramp = None

    @property
    def next_due(self) -> float | None:
        """When something will be over by itself, on the clock; None where nothing is under way."""
        ends = [at for at, _, _ in self._pending] + [item.ramp.end for item in self._faders() if item.ramp is not None]
        return min(ends, default=None)

    def _faders(self) -> list[Input | AudioBus]:
        return [*self.studio.inputs, self.studio.master, *self.studio.buses.values()]

    def in_transition(self) -> Input | None:
        """The input that is being brought to program, while a transition runs."""
        return self._arriving if any(slot == "mix" for _, slot, _ in self._pending) else None

    _arriving: Input | None = None

    def _later(self, slot: str, ms: float, happen: Callable[[], None]) -> None:
        self._finish(slot)
        self._pending.append((self._clock() + ms / 1000, slot, happen))

    def _finish(self, slot: str) -> None:
        """What was under way in `slot` is completed at once when something new begins there."""
        before = [item for item in self._pending if item[1] == slot]
        self._pending = [item for item in self._pending if item[1] != slot]
        for _, _, happen in before:
            happen()

    # --- the mix

    def take(self, query: Query, *, ms: int = 0, keep_preview: bool = False) -> None:
        """Bring an input (by default the preview) to program; what was on program goes to preview unless it is kept."""
        if query.get("Mix", "0") not in ("", "0"):
            return
        self._finish("mix")
        arriving = self._input(query)
        if arriving is None or arriving is self.studio.program:
            return

        def land() -> None:
            leaving, self.studio.program = self.studio.program, arriving
            if not keep_preview:
                self.studio.preview = leaving

        if ms <= 0:
            land()
        else:
            self._arriving = arriving
            self._later("mix", ms, land)

    def transition(self, query: Query, *, default_ms: int = DEFAULT_TRANSITION_MS) -> None:
        wanted = _number(query.get("Duration", ""))
        self.take(query, ms=default_ms if wanted is None else int(min(max(wanted, 0), MAX_DURATION_MS)))

    def button(self, query: Query, *, number: int) -> None:
        effect, duration = self.studio.transitions[number - 1]
        if effect == "Cut":
            self.take(query)
        else:
            self.transition(query, default_ms=duration)

    def quick_play(self, query: Query) -> None:
        item = self._input(query)
        if item is not None:
            item.state, item.position = "Running", 0
            self.button(query, number=1)

    def preview(self, query: Query) -> None:
        item = self._input(query)
        if item is not None and query.get("Mix", "0") in ("", "0"):
            self.studio.preview = item

    def preview_step(self, query: Query, *, step: int) -> None:
        studio = self.studio
        studio.preview = studio.inputs[(studio.inputs.index(studio.preview) + step) % len(studio.inputs)]

    def fader(self, query: Query) -> None:
        if (_number(query.get("Value", "")) or 0) >= 255:
            self.take({})

    def transition_setting(self, query: Query, *, number: int, part: str) -> None:
        effect, duration = self.studio.transitions[number - 1]
        value = query.get("Value", "")
        if part == "Effect" and value in TRANSITIONS:
            self.studio.transitions[number - 1] = (value, duration)
        elif part == "Duration" and (wanted := _number(value)) is not None:
            self.studio.transitions[number - 1] = (effect, int(wanted))

    # --- overlays

    def overlay(self, query: Query, *, number: int, verb: str) -> None:
        """In, Out and Off set; the bare name and Last toggle; Zoom leaves no trace in the state."""
        slot = f"overlay {number}"
        self._finish(slot)
        channel = self.studio.overlays[number - 1]
        item = channel.last if verb == "Last" else self._input(query)
        on_air = channel.shown is not None and not channel.preview

        def show() -> None:
            if item is not None:
                channel.shown, channel.preview, channel.last = item, False, item

        def hide() -> None:
            channel.shown, channel.preview = None, False

        if verb == "Off":
            hide()
        elif verb == "Out" or (verb in ("", "Last") and on_air and channel.shown is item):
            if channel.shown is not None:
                self._later(slot, self._overlay_ms, hide)
        elif verb in ("", "In", "Last") and item is not None and not (on_air and channel.shown is item):
            self._later(slot, self._overlay_ms, show)

    def overlays_off(self, query: Query) -> None:
        for number in range(1, OVERLAYS + 1):
            self.overlay(query, number=number, verb="Off")

    def overlay_preview(self, query: Query, *, number: int) -> None:
        channel, item = self.studio.overlays[number - 1], self._input(query)
        if channel.shown is not None and channel.preview:
            channel.shown, channel.preview = None, False
        elif channel.shown is None and item is not None:
            channel.shown, channel.preview = item, True

    # --- audio

    def mute(self, query: Query, *, muted: bool | None) -> None:
        if (item := self._audio(query)) is not None:
            item.muted = not item.muted if muted is None else muted

    def solo(self, query: Query, *, on: bool | None, pfl: bool) -> None:
        if (item := self._audio(query)) is not None:
            if pfl:
                item.solo_pfl = not item.solo_pfl if on is None else on
            else:
                item.solo = not item.solo if on is None else on

    def solo_all_off(self, query: Query) -> None:
        for moving in self._faders():
            moving.solo = False

    def volume(self, query: Query) -> None:
        if (item := self._audio(query)) is not None:
            _set_fader(item, query.get("Value", ""))

    def volume_fade(self, query: Query) -> None:
        if (item := self._audio(query)) is not None:
            self._ramp(item, query)

    def balance(self, query: Query) -> None:
        item, value = self._audio(query), _number(query.get("Value", ""))
        if item is not None and value is not None:
            item.balance = min(max(value, -1.0), 1.0)

    def gain(self, query: Query) -> None:
        item, value = self._audio(query), _number(query.get("Value", ""))
        if item is not None and value is not None:
            item.gain_db = min(max(value, 0.0), 24.0)

    def route(self, query: Query, *, on: bool | None) -> None:
        item, letter = self._audio(query), query.get("Value", "").upper()
        if item is None or len(letter) != 1 or letter not in "M" + BUSES:
            return
        wanted = letter not in item.buses if on is None else on
        item.buses = item.buses | {letter} if wanted else item.buses - {letter}

    def bus_mute(self, query: Query, *, letter: str, muted: bool | None) -> None:
        if (bus := self._bus(letter or query.get("Value", ""))) is not None:
            bus.muted = not bus.muted if muted is None else muted

    def bus_flag(self, query: Query, *, name: str, on: bool | None) -> None:
        if (bus := self._bus(query.get("Value", ""))) is not None:
            setattr(bus, name, not getattr(bus, name) if on is None else on)

    def bus_volume(self, query: Query, *, letter: str) -> None:
        if (bus := self._bus(letter)) is not None:
            _set_fader(bus, query.get("Value", ""))

    def bus_volume_fade(self, query: Query, *, letter: str) -> None:
        if (bus := self._bus(letter)) is not None:
            self._ramp(bus, query)

    def headphones(self, query: Query) -> None:
        value = _number(query.get("Value", ""))
        if value is not None:
            self.studio.headphones = min(max(value, 0.0), 100.0)

    # --- outputs

    def flag(self, query: Query, *, name: str, on: bool | None) -> None:
        setattr(self.studio, name, not getattr(self.studio, name) if on is None else on)

    def record(self, query: Query, *, on: bool | None) -> None:
        wanted = self.studio.recording_since is None if on is None else on
        if not wanted:
            self.studio.recording_since = None
        elif self.studio.recording_since is None:
            self.studio.recording_since = self._clock()

    def stream(self, query: Query, *, on: bool | None) -> None:
        """`Value` is a stream number from 0; without one, all streams. A toggle of all stops them if any runs."""
        streams, value = self.studio.streams, query.get("Value", "").partition(",")[0]
        numbers = range(len(streams)) if not value else [int(value)] if value.isdecimal() else []
        wanted = not any(streams[n] for n in numbers if n < len(streams)) if on is None else on
        for number in numbers:
            if number < len(streams):
                streams[number] = wanted

    # --- inputs

    def play(self, query: Query, *, state: str) -> None:
        if (item := self._input(query)) is not None:
            item.state = state or ("Paused" if item.state == "Running" else "Running")

    def restart(self, query: Query) -> None:
        if (item := self._input(query)) is not None:
            item.position = 0

    def loop(self, query: Query, *, on: bool | None) -> None:
        if (item := self._input(query)) is not None:
            item.loop = not item.loop if on is None else on

    def seek(self, query: Query) -> None:
        item, value = self._input(query), _number(query.get("Value", ""))
        if item is not None and value is not None and item.duration:
            item.position = int(min(max(value, 0), item.duration))

    def rename(self, query: Query) -> None:
        if (item := self._input(query)) is not None and (title := query.get("Value", "")):
            item.title = item.short_title = title

    def text(self, query: Query) -> None:
        item = self._input(query)
        if item is None or not item.texts:
            return
        index, name = query.get("SelectedIndex", "0"), query.get("SelectedName", "")
        if not name and index.isdecimal() and int(index) < len(item.texts):
            name = list(item.texts)[int(index)]
        if name in item.texts:
            item.texts[name] = query.get("Value", "")

    def dynamic(self, query: Query, *, kind: str, number: int) -> None:
        values = self.studio.dynamic_inputs if kind == "Input" else self.studio.dynamic_values
        values[number - 1] = query.get("Value", "")

    # --- helpers

    def _input(self, query: Query) -> Input | None:
        return self.studio.find(query.get("Input", ""))

    def _audio(self, query: Query) -> Input | None:
        item = self._input(query)
        return item if item is not None and item.audio else None

    def _bus(self, letter: str) -> AudioBus | None:
        return self.studio.master if letter in ("M", "Master") else self.studio.buses.get(letter.upper())

    def _ramp(self, moving: Input | AudioBus, query: Query) -> None:
        """`Value` is `volume,milliseconds`."""
        volume, _, ms = query.get("Value", "").partition(",")
        wanted, length, now = _number(volume), _number(ms), self._clock()
        if wanted is not None and length is not None:
            moving.ramp = Ramp(now, now + max(length, 0) / 1000, moving.volume, min(max(wanted, 0.0), 100.0))


def _position(ramp: Ramp, now: float) -> float:
    if now >= ramp.end:
        return ramp.to_value
    return ramp.from_value + (ramp.to_value - ramp.from_value) * (now - ramp.start) / (ramp.end - ramp.start)


def _set_fader(moving: Input | AudioBus, text: str) -> None:
    """A position from 0 to 100, or a step: `+=10`, `-=5`."""
    step = re.match(r"([+-])=(.*)", text)
    value = _number(step[2] if step else text)
    if value is None:
        return
    if step:
        value = moving.volume + (value if step[1] == "+" else -value)
    moving.ramp, moving.volume = None, min(max(value, 0.0), 100.0)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*[+-]?\d{1,9}(\.\d{1,9})?\s*", text) else None
