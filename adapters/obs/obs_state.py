"""What OBS answers, as the adapters use it: names, kinds, and the refusals that several of them give."""

from collections.abc import Iterable, Mapping
from typing import Any

from infrafabric.adapters.sdk import Host, Refuse

UNAVAILABLE = 604
"""InvalidResourceState: what was asked about is not there, or cannot do that."""


async def ask(host: Host, effect: str, **args: Any) -> Mapping[str, Any]:
    """The response to a read, as a mapping. Raises EffectError where OBS says no."""
    response = (await host.read_with(effect, args)).value["response"]
    return response if isinstance(response, dict) else {}


async def ask_each(host: Host, effect: str, **args: Any) -> list[Mapping[str, Any]]:
    """The responses to a read that asks for each item of a list, in its order; empty ones where OBS says no."""
    answers = (await host.read_with(effect, args)).value["responses"]
    return [answer["response"] if answer["code"] == 100 else {} for answer in answers]


def named(what: str, wanted: str, names: Iterable[str]) -> str:
    """`wanted`, which must be one of the names as it stands: OBS tells names apart by case."""
    there = list(names)
    if wanted in there:
        return wanted
    near = [name for name in there if name.casefold().strip() == wanted.casefold().strip()]
    if near:
        raise Refuse(f"OBS has no {what} {short(wanted)}; did you mean {', '.join(map(short, near[:3]))}?")
    listed = ", ".join(map(short, there[:8])) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
    raise Refuse(f"OBS has no {what} {short(wanted)}; there {'are' if there else 'is'} {listed or 'none'}")


def short(name: str) -> str:
    """A name as messages show it: quoted, at most 60 characters of it."""
    return repr(name if len(name) <= 60 else f"{name[:59]}…")
