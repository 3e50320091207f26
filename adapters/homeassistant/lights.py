"""Lights: on or off, brightness, colour, effect.

Devices round: they keep 100 or 254 steps of brightness, whole mireds, 8 bits of hue. What is reported back is compared
within that rounding and no further (`BRIGHTNESS`, `MIREDS`, `CHROMA`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from infrafabric.adapters.sdk import Refuse

from .house import Entity
from .steps import Step, former

BRIGHTNESS = 2
"""Of 255: half of a percent's step, rounded up."""
MIREDS = 2
"""Colour temperature is kept in whole mireds (10^6 / kelvin), by some devices in every second."""
CHROMA = 3.0
"""Distance in the plane of hue (angle) and saturation (0 to 100, radius): two steps of 8-bit hue at full saturation."""
EFFECT = 4
NO_EFFECT = ("none", "off")
COLORS = ("color_temp_kelvin", "hs_color", "rgb_color", "xy_color", "rgbw_color", "rgbww_color")
"""The intent's colour fields; also the names of the attributes that tell the colour, and of the service's arguments."""
_CHROMATIC = frozenset({"hs", "rgb", "rgbw", "rgbww", "xy"})
_ATTRIBUTE = {"color_temp": "color_temp_kelvin", "hs": "hs_color", "rgb": "rgb_color", "xy": "xy_color",
              "rgbw": "rgbw_color", "rgbww": "rgbww_color"}  # fmt: skip


def seen(light: Entity) -> dict[str, Any]:
    """What tells one look of a light from another."""
    if light.state != "on":
        return {"state": light.state}
    found: dict[str, Any] = {"state": "on"}
    if (brightness := light.number("brightness")) is not None:
        found["brightness"] = round(brightness)
    found.update(_color(light))
    if "effect" in light.attributes and light.listed("effect_list"):
        found["effect"] = _effect(light)
    return found


def steps(light: Entity, wish: Mapping[str, Any]) -> list[Step]:
    """At most one: everything about a light goes into one call."""
    args = _args(light, wish)
    if wish.get("state") == "off":
        if args:
            raise Refuse(f"{light.id} cannot be off and have {', '.join(args)}")
        if light.state == "off":
            return []
        return [Step("light_off", before=seen(light), after={"state": "off"}, inverse=("light_on", _back(light)),
                     former=_former(light))]  # fmt: skip
    if light.state != "on":
        after = {"state": "on", **args}
        return [Step("light_on", args, before={"state": light.state}, after=after, inverse=("light_off", {}),
                     former=_former(light))]  # fmt: skip
    lacking = {name: value for name, value in args.items() if not _has(light, name, value)}
    if not lacking:
        return []
    now = seen(light)
    before = {name: now[name] for name in lacking if name in now}
    if any(name in COLORS for name in lacking):
        before.update(_color(light))
    return [Step("light_on", args, before=before, after=lacking, inverse=("light_on", _back(light)),
                 former=_former(light))]  # fmt: skip


def _args(light: Entity, wish: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `light.turn_on`. Raises Refuse for what this light cannot do."""
    args: dict[str, Any] = {}
    modes = set(light.listed("supported_color_modes"))
    if "brightness" in wish and "brightness_pct" in wish:
        raise Refuse("brightness and brightness_pct say the same: give one of them")
    if "brightness" in wish or "brightness_pct" in wish:
        if not modes - {"onoff", "unknown"}:
            raise Refuse(f"{light.id} ({light.name}) cannot be dimmed: it only goes on and off")
        args["brightness"] = wish["brightness"] if "brightness" in wish else round(255 * wish["brightness_pct"] / 100)
    colors = [name for name in COLORS if name in wish]
    if len(colors) > 1:
        raise Refuse(f"a light has one colour: give {' or '.join(colors)}, not both")
    for name in colors:
        _check_color(light, name, wish[name], modes)
        args[name] = wish[name]
    if "effect" in wish:
        light.require(EFFECT, "effects")
        light.choose(wish["effect"], "effect_list", "effect")
        args["effect"] = wish["effect"]
    return args


def _check_color(light: Entity, name: str, value: Any, modes: set[str]) -> None:
    can = ", ".join(sorted(modes)) or "nothing of colour"
    if name == "color_temp_kelvin":
        if "color_temp" not in modes:
            raise Refuse(f"{light.id} ({light.name}) has no colour temperature: it does {can}")
        light.within(value, light.number("min_color_temp_kelvin"), light.number("max_color_temp_kelvin"),
                     "colour temperature in kelvin")  # fmt: skip
    elif name in ("rgbw_color", "rgbww_color"):
        if name.removesuffix("_color") not in modes:
            raise Refuse(f"{light.id} ({light.name}) takes no {name}: it does {can}")
    elif name == "hs_color" and value[1] > 100:
        raise Refuse(f"a saturation goes from 0 to 100, not {value[1]:g}")
    elif not modes & _CHROMATIC:
        raise Refuse(f"{light.id} ({light.name}) has no colours: it does {can}")


def _has(light: Entity, name: str, value: Any) -> bool:
    """Whether the light is so, within its rounding."""
    if name == "brightness":
        now = light.number("brightness")
        return now is not None and abs(now - value) <= BRIGHTNESS
    if name == "effect":
        return _effect(light) == (None if value.lower() in NO_EFFECT else value)
    mode = light.text("color_mode")
    if name == "color_temp_kelvin":
        kelvin = light.number(name)
        return mode == "color_temp" and kelvin is not None and kelvin > 0 and abs(1e6 / kelvin - 1e6 / value) <= MIREDS
    if name in ("rgbw_color", "rgbww_color"):
        now_all = light.numbers(name)
        return now_all is not None and len(now_all) == len(value) and all(
            abs(one - other) <= BRIGHTNESS for one, other in zip(now_all, value, strict=True)
        )  # fmt: skip
    now_hs = _hue(light)
    return mode in _CHROMATIC and now_hs is not None and _distance(now_hs, _as_hs(name, value)) <= CHROMA


def _hue(light: Entity) -> list[float] | None:
    """Hue and saturation, from the attribute that the light's mode is about: the others are worked out from it."""
    name = _ATTRIBUTE.get(light.text("color_mode") or "", "hs_color")
    value = light.numbers(name)
    if value is not None and name in ("rgb_color", "xy_color") and len(value) == (3 if name == "rgb_color" else 2):
        return _as_hs(name, value)
    return light.numbers("hs_color")


def _effect(light: Entity) -> str | None:
    effect = light.text("effect")
    return None if effect is None or effect.lower() in NO_EFFECT else effect


def _color(light: Entity) -> dict[str, Any]:
    """The attribute that the light's colour mode is about."""
    name = _ATTRIBUTE.get(light.text("color_mode") or "")
    value = light.attributes.get(name) if name is not None else None
    return {} if name is None or value is None else {name: value}


def _back(light: Entity) -> dict[str, Any]:
    """Arguments of `light.turn_on` that bring the light back to what it is."""
    args: dict[str, Any] = {}
    if (brightness := light.number("brightness")) is not None and brightness >= 1:
        args["brightness"] = round(brightness)
    args.update(_color(light))
    if light.supports(EFFECT) and light.listed("effect_list"):
        effect = _effect(light)
        none = next((name for name in light.listed("effect_list") if name.lower() in NO_EFFECT), None)
        if effect is not None or none is not None:
            args["effect"] = effect if effect is not None else none
    return args


def _former(light: Entity) -> dict[str, Any]:
    found = former(light, "brightness", "color_mode", "color_temp", "hs_color", "rgb_color", "rgbw_color",
                   "rgbww_color", "xy_color", "color_temp_kelvin")  # fmt: skip
    return {**found, **({"effect": args["effect"]} if "effect" in (args := _back(light)) else {})}


def _as_hs(name: str, value: list[float]) -> list[float]:
    """Hue in degrees and saturation 0 to 100 of a colour."""
    if name == "hs_color":
        return value
    red, green, blue = (part / 255 for part in value) if name == "rgb_color" else _rgb(value[0], value[1])
    high, low = max(red, green, blue), min(red, green, blue)
    if high == low:
        return [0.0, 0.0]
    spread = high - low
    if high == red:
        sixth = (green - blue) / spread % 6
    elif high == green:
        sixth = (blue - red) / spread + 2
    else:
        sixth = (red - green) / spread + 4
    return [60 * sixth, 100 * spread / high]


def _rgb(x: float, y: float) -> tuple[float, float, float]:
    """CIE 1931 xy at full brightness as RGB, 0 to 1, by the wide-gamut matrix that Home Assistant uses."""
    y = max(y, 1e-11)
    big_x, big_z = x / y, (1 - x - y) / y
    linear = [
        big_x * 1.656492 - 0.354851 - big_z * 0.255038,
        -big_x * 0.707196 + 1.655397 + big_z * 0.036152,
        big_x * 0.051713 - 0.121364 + big_z * 1.011530,
    ]
    bent = [max(0.0, 12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055) for v in linear]
    most = max(bent)
    red, green, blue = (v / most if most > 1 else v for v in bent)
    return red, green, blue


def _distance(one: list[float], other: list[float]) -> float:
    """How far apart two colours are: hue hardly matters where there is little saturation."""
    (h1, s1), (h2, s2) = one[:2], other[:2]
    a1, a2 = math.radians(h1), math.radians(h2)
    return math.hypot(s1 * math.cos(a1) - s2 * math.cos(a2), s1 * math.sin(a1) - s2 * math.sin(a2))
