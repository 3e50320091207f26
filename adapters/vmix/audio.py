"""vmix.audio: mute, volume, balance, buses and solo of an input, of the master or of a bus.

Volumes are fader positions in whole steps, as `SetVolume` takes them. vMix reports amplitude, so a position is
recovered by the fourth root and compared within half a step; a fader that stands between two steps is put back to the
nearer one. Balance is taken to two places.

What was observed holds the fields that the intent names, the fader to a tenth of a step: so that a hand which moved it
by less than a step is told from what the action left.
"""

from typing import Any

from infrafabric.adapters.sdk import Adapter, Call, Change, Host, Plan, Refuse

from .vmix_state import Bus, Input, read_state

INPUT_ONLY = ("balance", "buses")
BUS_ONLY = ("send_to_master",)


class Audio(Adapter):
    async def plan(self, intent: dict[str, Any], host: Host) -> Plan:
        state = await read_state(host)
        if "input" in intent:
            _refuse_fields(intent, BUS_ONLY, "an input")
            item = state.find(intent["input"])
            if not item.has_audio:
                raise Refuse(f"input {item} has no audio")
            return Plan(_input_changes(intent, item), observed=_seen(intent, item, item.key))
        buses = state.buses()
        name = intent["bus"]
        _refuse_fields(intent, INPUT_ONLY, "a bus")
        if name == "master":
            _refuse_fields(intent, ("solo", *BUS_ONLY), "the master")
        if name not in buses:
            raise Refuse(f"bus {name} is not switched on in vMix; it shows {', '.join(buses)}")
        return Plan(_bus_changes(intent, name, buses[name]), observed=_seen(intent, buses[name], name))


def _input_changes(intent: dict[str, Any], item: Input) -> list[Change]:
    changes = _Changes(f"input {item}", {"Input": item.key})
    changes.switch(intent, "muted", item.muted, on="mute", off="unmute")
    changes.level(intent, item.fader, "set_volume")
    if "balance" in intent and item.balance is None:
        raise Refuse(f"input {item} reports no balance")
    if "balance" in intent and item.balance is not None and item.balance != (wanted := round(intent["balance"], 2)):
        changes.add("balance", item.balance, wanted, "set_balance", "set_balance", as_value=True)
    if "buses" in intent:
        if item.buses is None:
            raise Refuse(f"input {item} reports no buses")
        for letter in "MABCDEFG":
            sent, wanted = letter in item.buses, letter in intent["buses"]
            if sent != wanted:
                on, off = f"route_{letter.lower()}", f"unroute_{letter.lower()}"
                changes.add(f"bus {letter}", sent, wanted, on if wanted else off, off if wanted else on)
    changes.switch(intent, "solo", item.solo, on="solo", off="unsolo")
    return changes.made


def _bus_changes(intent: dict[str, Any], name: str, bus: Bus) -> list[Change]:
    if name == "master":
        changes = _Changes("master", {})
        changes.switch(intent, "muted", bus.muted, on="mute_master", off="unmute_master")
        changes.level(intent, bus.fader, "set_master_volume")
        return changes.made
    changes = _Changes(f"bus {name}", {})
    letter = {"Value": name}
    changes.switch(intent, "muted", bus.muted, on="mute_bus", off="unmute_bus", args=letter)
    changes.level(intent, bus.fader, f"set_bus_{name.lower()}_volume")
    changes.switch(intent, "solo", bus.solo, on="solo_bus", off="unsolo_bus", args=letter)
    changes.switch(intent, "send_to_master", bus.send_to_master, on="bus_to_master", off="bus_off_master", args=letter)
    return changes.made


class _Changes:
    """Changes to one strip of the mixer. `args` name it in every effect."""

    def __init__(self, strip: str, args: dict[str, Any]) -> None:
        self.made: list[Change] = []
        self._strip, self._args = strip, args

    def switch(
        self, intent: dict[str, Any], field: str, now: "bool | None", *, on: str, off: str,
        args: "dict[str, Any] | None" = None,
    ) -> None:  # fmt: skip
        """Plan a switch that the intent names and that stands otherwise."""
        if field not in intent:
            return
        if now is None:
            raise Refuse(f"{self._strip} does not report {field!r}")
        wanted = intent[field]
        if wanted != now:
            self.add(field, now, wanted, on if wanted else off, off if wanted else on, args)

    def level(self, intent: dict[str, Any], now: "float | None", effect: str) -> None:
        """Plan the volume where it is more than half a step away."""
        if "volume" in intent and now is not None and abs(now - intent["volume"]) >= 0.5:
            self.add("volume", round(now), intent["volume"], effect, effect, as_value=True)

    def add(
        self, field: str, now: Any, wanted: Any, effect: str, back: str, args: "dict[str, Any] | None" = None,
        *, as_value: bool = False,
    ) -> None:  # fmt: skip
        strip = {**self._args, **(args or {})}
        forth, reverse = ({"Value": wanted}, {"Value": now}) if as_value else ({}, {})
        self.made.append(
            Change(
                effect,
                {**strip, **forth},
                before={field: now},
                after={field: wanted},
                inverse=Call(back, {**strip, **reverse}),
                summary=f"{self._strip}: {field} {_said(now)} to {_said(wanted)}",
            )
        )


def _seen(intent: dict[str, Any], strip: "Input | Bus", name: str) -> dict[str, Any]:
    """The strip as it stands, in what the intent names."""
    fields = [field for field in ("muted", "balance", "buses", "solo", "send_to_master") if field in intent]
    seen: dict[str, Any] = {"strip": name, **{field: getattr(strip, field) for field in fields}}
    if "volume" in intent:
        seen["volume"] = None if strip.fader is None else round(strip.fader, 1)
    return seen


def _said(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _refuse_fields(intent: dict[str, Any], fields: "tuple[str, ...]", what: str) -> None:
    named = [field for field in fields if field in intent]
    if named:
        raise Refuse(f"{what} has no {' and no '.join(named)}")
