"""vMix's state document (`GET /api`), read into plain objects.

The document is XML: `True`/`False`, inputs by number and by key (a GUID that stays when inputs are moved), volumes as
amplitude, which is the fourth power of the fader. Meters and positions are left alone: they move at every read.
"""

import difflib
import xml.etree.ElementTree as ET

from infrafabric.adapters.sdk import Host, Refuse

BUSES = ("A", "B", "C", "D", "E", "F", "G")
STREAMS = (1, 2, 3, 4, 5)


class Input:
    """One input. What is about audio is read only when asked for; it is None where an input reports none."""

    def __init__(self, element: ET.Element) -> None:
        self._get = element.get
        self.key = element.get("key", "")
        self.number = _integer(element.get("number", ""), "an input's number")
        self.title = element.get("title", "")
        self.short_title = element.get("shortTitle") or self.title

    def __str__(self) -> str:
        """`3 Intro`. The short title, because a list's long one changes with the item that plays."""
        return f"{self.number} {self.short_title}"

    @property
    def has_audio(self) -> bool:
        return self._get("volume") is not None and self._get("muted") is not None

    @property
    def fader(self) -> "float | None":
        volume = self._get("volume")
        return None if volume is None else fader(volume)

    @property
    def balance(self) -> "float | None":
        """-1 to 1, to two places."""
        balance = self._get("balance")
        return None if balance is None else round(_decimal(balance, "a balance"), 2) + 0.0

    @property
    def muted(self) -> "bool | None":
        return _flag(self._get("muted"))

    @property
    def solo(self) -> "bool | None":
        return _flag(self._get("solo"))

    @property
    def buses(self) -> "list[str] | None":
        """The letters it is sent to, the master's M first."""
        routed = self._get("audiobusses")
        return None if routed is None else [letter for letter in ("M", *BUSES) if letter in routed.upper()]


class Bus:
    """The master, or a bus that is switched on in vMix's settings. The master has no `solo` and no `send_to_master`."""

    def __init__(self, element: ET.Element) -> None:
        self.fader = fader(element.get("volume", ""))
        self.muted = _flag(element.get("muted"))
        self.solo = _flag(element.get("solo"))
        self.send_to_master = _flag(element.get("sendToMaster"))


class State:
    """What the document says, by vMix's own names."""

    def __init__(self, root: ET.Element) -> None:
        self._root = root
        self.inputs = [Input(element) for element in root.findall("inputs/input")]
        self._by_number = {item.number: item for item in self.inputs}
        self.program = self._named("active")
        self.preview = self._named("preview")

    def by_number(self, text: str) -> "Input | None":
        """The input of that number; None where the document names one that it does not list."""
        return self._by_number.get(int(text)) if text.strip().isdecimal() else None

    def flag(self, name: str) -> bool:
        """An output's state: `recording`, `external`, `multiCorder`, `fadeToBlack`."""
        return self._root.findtext(name, "").strip() == "True"

    def streams(self) -> "dict[int, bool | None]":
        """Which of the five streams run; None where this vMix only says that some do."""
        element = self._root.find("streaming")
        if element is None:
            return dict.fromkeys(STREAMS, None)
        channels = {number: element.get(f"channel{number}") for number in STREAMS}
        if all(value is None for value in channels.values()):
            return dict.fromkeys(STREAMS, None if (element.text or "").strip() == "True" else False)
        return {number: value == "True" for number, value in channels.items()}

    def overlays(self) -> "dict[int, Input | None]":
        """What lies over the program, by channel. An overlay that is only previewed is not on program."""
        return self._overlays(previewed=False)

    def overlay_previews(self) -> "dict[int, Input | None]":
        """What lies on a channel on the preview only."""
        return self._overlays(previewed=True)

    def _overlays(self, *, previewed: bool) -> "dict[int, Input | None]":
        found: dict[int, Input | None] = {}
        for element in self._root.findall("overlays/overlay"):
            number = _integer(element.get("number", ""), "an overlay's number")
            here = (element.get("preview") == "True") is previewed
            found[number] = self.by_number(element.text or "") if here else None
        return found

    def buses(self) -> "dict[str, Bus]":
        """The master under `master`, the buses that are switched on under their letters."""
        found = {}
        for element in self._root.findall("audio/*"):
            name = element.tag.removeprefix("bus") if element.tag != "master" else "master"
            if name == "master" or name in BUSES:
                found[name] = Bus(element)
        return found

    def find(self, wanted: str) -> Input:
        """The one input of that number, title, short title or key. Raises Refuse: none, or more than one."""
        same = [
            item
            for item in self.inputs
            if wanted in (item.title, item.short_title, str(item.number)) or wanted.lower() == item.key.lower()
        ]
        if len(same) == 1:
            return same[0]
        if same:
            raise Refuse(
                f"{wanted!r} fits inputs {_listed(same)}; give the key or, if none has it as title, the number"
            )
        near = difflib.get_close_matches(wanted, [item.title for item in self.inputs], 3, 0.5)
        folded = [item.title for item in self.inputs if item.title.lower() == wanted.lower()]
        names = list(dict.fromkeys([*folded, *near]))
        hint = f"; did you mean {' or '.join(map(repr, names))}?" if names else ""
        raise Refuse(f"no input has the number, title or key {wanted!r}{hint} (vMix shows {len(self.inputs)} inputs)")

    def _named(self, name: str) -> Input:
        number = self._root.findtext(name, "")
        found = self.by_number(number)
        if found is None:
            raise Refuse(f"vMix says that input {number!r} is its {name} and lists no such input")
        return found


async def read_state(host: Host) -> State:
    """Read the state. Raises Refuse where what answers is not vMix."""
    answer = await host.read("state")
    try:
        text = answer.text
    except ValueError:
        text = ""
    if "<!DOCTYPE" in text or "<vmix>" not in text:
        raise Refuse("what answers there is not vMix: it did not send its state document")
    try:
        root = ET.fromstring(text)  # noqa: S314  (no document type, in a guest that can reach nothing)
    except ET.ParseError as error:
        raise Refuse(f"vMix's state document cannot be read: {error}") from None
    if root.tag != "vmix" or not root.findtext("version"):
        raise Refuse("what answers there is not vMix: its document is of another kind")
    return State(root)


def fader(volume: str) -> float:
    """The fader's position, 0 to 100, for a reported volume: 100 * (position / 100)^4."""
    amplitude = min(max(_decimal(volume, "a volume"), 0.0), 100.0)
    position: float = 100 * (amplitude / 100) ** 0.25
    return position


def _listed(inputs: "list[Input]") -> str:
    return ", ".join(f"{item} ({item.key})" for item in inputs[:5])


def _flag(text: "str | None") -> "bool | None":
    return None if text is None else text == "True"


def _integer(text: str, what: str) -> int:
    if not text.isdecimal():
        raise Refuse(f"vMix's state document has {text[:20]!r} as {what}")
    return int(text)


def _decimal(text: str, what: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise Refuse(f"vMix's state document has {text[:20]!r} as {what}") from None
    if not -1e6 < value < 1e6:
        raise Refuse(f"vMix's state document has {text[:20]!r} as {what}")
    return value
