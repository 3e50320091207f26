"""Which names vMix knows, and what each does. Known names never fail: those that this simulator does not model are
accepted and do nothing, as vMix accepts functions that do not apply to an input.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from importlib.resources import files

from infrafabric.control.demo.simulator_desk import TRANSITIONS, Desk, Query
from infrafabric.control.demo.simulator_state import BUSES, OVERLAYS

__all__ = ["ACTIONS", "known_functions", "perform"]

STINGER_MS = 1000

Action = Callable[[Desk, Query], None]
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that an XML 1.0 document cannot hold."""
_OVERLAY_VERBS = ("In", "Out", "Off", "Last", "Zoom")
_SWITCH: tuple[tuple[str, bool | None], ...] = (("", None), ("On", True), ("Off", False))


@cache
def known_functions() -> frozenset[str]:
    """Every name that is answered with 200: the reference's 717, the transitions, and overlays 5 to 8, which later
    versions control (27 shows eight overlays in its state)."""
    listed = files("infrafabric.control.demo").joinpath("simulator_functions.txt").read_text("ascii").split()
    later = {f"OverlayInput{n}{verb}" for n in range(5, OVERLAYS + 1) for verb in ("", *_OVERLAY_VERBS)}
    later |= {f"PreviewOverlayInput{n}" for n in range(5, OVERLAYS + 1)}
    return frozenset(listed) | frozenset(TRANSITIONS) | later


def perform(desk: Desk, function: str, query: Query) -> bool:
    """Perform `function`; False where vMix knows no such name."""
    desk.advance()
    if function not in known_functions():
        return False
    action = ACTIONS.get(function)
    if action is not None:
        action(desk, {name: _NOT_XML.sub("", value) for name, value in query.items()})
    desk.advance()
    return True


def _actions() -> dict[str, Action]:
    table: dict[str, Action] = dict.fromkeys(TRANSITIONS, Desk.transition)
    table |= {f"Stinger{n}": partial(Desk.transition, default_ms=STINGER_MS) for n in range(1, 5)}
    table |= {f"Transition{n}": partial(Desk.button, number=n) for n in range(1, 5)}
    table["Cut"] = Desk.take
    for name in ("CutDirect", "ActiveInput"):
        table[name] = partial(Desk.take, keep_preview=True)
    table |= {"QuickPlay": Desk.quick_play, "PreviewInput": Desk.preview, "SetFader": Desk.fader}
    table["PreviewInputNext"] = partial(Desk.preview_step, step=1)
    table["PreviewInputPrevious"] = partial(Desk.preview_step, step=-1)
    for n in range(1, 5):
        for part in ("Effect", "Duration"):
            table[f"SetTransition{part}{n}"] = partial(Desk.transition_setting, number=n, part=part)
        for kind in ("Input", "Value"):
            table[f"SetDynamic{kind}{n}"] = partial(Desk.dynamic, kind=kind, number=n)
    for n in range(1, OVERLAYS + 1):
        table |= {
            f"OverlayInput{n}{verb}": partial(Desk.overlay, number=n, verb=verb) for verb in ("", *_OVERLAY_VERBS)
        }
        table[f"PreviewOverlayInput{n}"] = partial(Desk.overlay_preview, number=n)
    table["OverlayInputAllOff"] = Desk.overlays_off
    table |= _audio_actions() | _output_actions()
    table |= {"Play": partial(Desk.play, state="Running"), "Pause": partial(Desk.play, state="Paused")}
    table |= {"PlayPause": partial(Desk.play, state=""), "Restart": Desk.restart, "SetPosition": Desk.seek}
    table |= {f"Loop{end}": partial(Desk.loop, on=on) for end, on in _SWITCH}
    table |= {"SetText": Desk.text, "SetInputName": Desk.rename}
    return table


def _audio_actions() -> dict[str, Action]:
    table: dict[str, Action] = {
        "SetVolume": Desk.volume, "SetVolumeFade": Desk.volume_fade, "SetBalance": Desk.balance, "SetGain": Desk.gain,
        "SoloAllOff": Desk.solo_all_off, "SetHeadphonesVolume": Desk.headphones,
        "SetMasterVolume": partial(Desk.bus_volume, letter="M"),
        "SetMasterVolumeFade": partial(Desk.bus_volume_fade, letter="M"),
    }  # fmt: skip
    for letter in BUSES:
        table[f"SetBus{letter}Volume"] = partial(Desk.bus_volume, letter=letter)
        table[f"SetBus{letter}VolumeFade"] = partial(Desk.bus_volume_fade, letter=letter)
    for end, on in _SWITCH:
        muted = None if on is None else not on
        table[f"Audio{end}"] = partial(Desk.mute, muted=muted)
        table[f"AudioBus{end}"] = partial(Desk.route, on=on)
        table[f"Solo{end}"] = partial(Desk.solo, on=on, pfl=False)
        table[f"SoloPFL{end}"] = partial(Desk.solo, on=on, pfl=True)
        table[f"BusXSolo{end}"] = partial(Desk.bus_flag, name="solo", on=on)
        table[f"BusXSendToMaster{end}"] = partial(Desk.bus_flag, name="send_to_master", on=on)
        for stem, letter in (("MasterAudio", "M"), ("BusAAudio", "A"), ("BusBAudio", "B"), ("BusXAudio", "")):
            table[f"{stem}{end}"] = partial(Desk.bus_mute, letter=letter, muted=muted)
    return table


def _output_actions() -> dict[str, Action]:
    table: dict[str, Action] = {"FadeToBlack": partial(Desk.flag, name="fade_to_black", on=None)}
    table |= {f"Fullscreen{end}": partial(Desk.flag, name="fullscreen", on=on) for end, on in _SWITCH}
    for verb, on in (("Start", True), ("Stop", False), ("StartStop", None)):
        table[f"{verb}Recording"] = partial(Desk.record, on=on)
        table[f"{verb}Streaming"] = partial(Desk.stream, on=on)
        table[f"{verb}External"] = partial(Desk.flag, name="external", on=on)
        table[f"{verb}MultiCorder"] = partial(Desk.flag, name="multicorder", on=on)
    table |= {
        f"{verb}PlayList": partial(Desk.flag, name="playlist", on=on) for verb, on in (("Start", True), ("Stop", False))
    }
    return table


ACTIONS = _actions()
