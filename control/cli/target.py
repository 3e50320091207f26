"""`ifctl target`: the systems that things are done to, as the operator names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.breaker import reset_breaker, shown_breakers
from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.opening import look, operating
from infrafabric.control.cli.rates import rate as read_rate
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.words.things import Grant, Target

__all__ = ["target"]

CLASSES = ["loopback", "link-local", "metadata", "other"]
"""Address classes that need a grant; public and private ones do not."""
REFERENCE = re.compile(r"(vault|env|file|keyring|hashicorp|x-[a-z0-9-]{1,30}):.{1,500}")


@click.group("target")
def target() -> None:
    """The systems that things are done to."""


@target.add_command
@command("add", short_help="Name a system.")
@click.argument("name", metavar="PRODUCT@NAME")
@click.argument("settings", metavar="NAME=VALUE", nargs=-1)
@click.option(
    "--secret",
    "secrets",
    metavar="NAME=REFERENCE",
    multiple=True,
    help="A secret by reference: vault:NAME, env:NAME, file:PATH, …",
)
@click.option(
    "--allow-address", "allow", type=click.Choice(CLASSES), multiple=True, help="A special address class to be reached."
)
@click.option(
    "--timeout", type=click.FloatRange(0, 600, min_open=True), help="Lower the deadline of a call, in seconds."
)
@click.option(
    "--hazard",
    "hazards",
    metavar="EFFECT=NAME",
    multiple=True,
    help="A hazard that a write of this effect has here; any=NAME for every write.",
)
@click.option("--rate", metavar="RPS[:BURST]", help="How often anything may be asked for on it, in asks a second.")
@click.option("--tenant", default="default", show_default=True, help="Whose it is.")
@changing
def add(
    shell: Shell,
    name: str,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    allow: tuple[str, ...],
    timeout: float | None,
    hazards: tuple[str, ...],
    rate: str | None,
    tenant: str,
    why: str | None,
) -> None:
    """Add a target, such as vmix@studio-a, with its settings and secret references.

    ifctl target add vmix@studio-a VMIX_HOST=10.0.0.5 VMIX_PORT=8088 --why "studio A"
    """
    from infrafabric.control.records.targets import target_of

    reason = shell.why(why)
    value = target_of(
        name=name,
        tenant=tenant,
        settings=_pairs(settings),
        secrets=_references(secrets),
        allow_addresses=allow,
        timeout_s=timeout,
        rate=read_rate(rate) if rate is not None else None,
        hazards=_hazards(hazards),
    )

    async def work(house: House) -> None:
        from infrafabric.control.records.targets import check_known, set_target

        if house.authority.get("target", value.name) is not None:
            raise FabricError(Code.EXISTS, f"there is a target {value.name} already; `ifctl target set` changes it")
        check_known(house, value)
        _doubt_hazards(shell, house, value)
        await set_target(house, house.operator(shell.trace), value, reason)

    operating(shell, work)
    _done(shell, value, "added")


@target.add_command
@command("set", short_help="Change a target.")
@click.argument("name", metavar="PRODUCT@NAME")
@click.argument("settings", metavar="NAME=VALUE", nargs=-1)
@click.option(
    "--secret",
    "secrets",
    metavar="NAME=REFERENCE",
    multiple=True,
    help="A secret by reference: vault:NAME, env:NAME, file:PATH, …",
)
@click.option("--unset", metavar="NAME", multiple=True, help="A setting or secret to forget.")
@click.option(
    "--allow-address", "allow", type=click.Choice(CLASSES), multiple=True, help="A special address class to be reached."
)
@click.option(
    "--deny-address",
    "deny",
    type=click.Choice(CLASSES),
    multiple=True,
    help="A special address class no longer to be reached.",
)
@click.option(
    "--timeout", type=click.FloatRange(0, 600, min_open=True), help="Lower the deadline of a call, in seconds."
)
@click.option(
    "--hazard",
    "hazards",
    metavar="EFFECT=NAME",
    multiple=True,
    help="A hazard that a write of this effect has here; any=NAME for every write.",
)
@click.option(
    "--no-hazard", "harmless", metavar="EFFECT", multiple=True, help="An effect without hazards of its own here."
)
@click.option(
    "--rate", metavar="RPS[:BURST]", help="How often anything may be asked for on it; none: as the settings say."
)
@changing
def set_(
    shell: Shell,
    name: str,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    unset: tuple[str, ...],
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    timeout: float | None,
    hazards: tuple[str, ...],
    harmless: tuple[str, ...],
    rate: str | None,
    why: str | None,
) -> None:
    """Change some of a target's settings, secret references or address classes; the others stay."""
    reason = shell.why(why)
    new_settings, new_secrets = _pairs(settings), _references(secrets)
    if not (new_settings or new_secrets or unset or allow or deny or timeout or hazards or harmless or rate):
        stop("say what to change")

    async def work(house: House) -> Target:
        from infrafabric.control.records.targets import check_known, set_target, target_of

        old = house.authority.target(name)
        missing = set(unset) - set(old.settings) - set(old.secrets)
        if missing:
            raise FabricError(Code.TARGET_SETTINGS, f"{name} has no setting or secret {visible(min(missing), 80)}")
        value = target_of(
            name=old.name,
            tenant=old.tenant,
            settings={key: item for key, item in {**old.settings, **new_settings}.items() if key not in unset},
            secrets={key: item for key, item in {**old.secrets, **new_secrets}.items() if key not in unset},
            allow_addresses=[one for one in dict.fromkeys((*old.allow_addresses, *allow)) if one not in deny],
            timeout_s=timeout if timeout is not None else old.timeout_s,
            rate=old.rate if rate is None else None if rate == "none" else read_rate(rate),
            hazards=_hazards(hazards, {name: had for name, had in old.hazards.items() if name not in harmless}),
        )
        check_known(house, value)
        if hazards:
            _doubt_hazards(shell, house, value)
        await set_target(house, house.operator(shell.trace), value, reason)
        return value

    _done(shell, operating(shell, work), "set")


@target.add_command
@command("list", short_help="All targets, their settings and health.")
@click.option("--check", is_flag=True, help="Reach each target now; nothing is asked of it and nothing altered.")
def list_(shell: Shell, check: bool) -> None:
    """List the targets with their settings and how they were last found. Secrets are shown as references.

    Health is as the last kernel noted it; --check connects to each target, all at once, for at most 5 seconds each.
    """
    from infrafabric.control.records.targets import known_targets

    rows = operating(shell, _reach_all) if check else look(shell, known_targets)

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table()
        for heading in ("target", "settings", "secrets", "allowed addresses", "health"):
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(
                Text(row["name"]),
                Text(_lines(row.get("settings", {}))),
                Text(_lines(row.get("secrets", {}))),
                Text(", ".join(row.get("allow_addresses", ())) or "public, private"),
                Text(_health(row["health"]) + shown_breakers(row["breakers"])),
            )
        console.print(table if rows else "no targets yet; `ifctl target add` makes one")

    shell.result({"targets": rows}, render)


target.add_command(reset_breaker)


@target.add_command
@command("remove", short_help="Forget a target.")
@click.argument("name", metavar="PRODUCT@NAME")
@changing
def remove(shell: Shell, name: str, why: str | None) -> None:
    """Forget a target and take back every grant on it; the log keeps what was done to it.

    A target that is added again under the name begins without grants.
    """
    reason = shell.why(why)

    async def work(house: House) -> tuple[Target, list[Grant]]:
        from infrafabric.control.records.targets import remove_target

        return await remove_target(house, house.operator(shell.trace), name, reason)

    value, grants = operating(shell, work)
    shape = {"target": value.as_json(), "change": "removed", "revoked": [grant.as_json() for grant in grants]}

    def render(console: Console) -> None:
        console.print(f"target {value.name} removed")
        for grant in grants:
            console.print(f"  revoked: {grant.talent} {grant.capability.rpartition('/')[2]}", soft_wrap=True)

    shell.result(shape, render)


async def _reach_all(house: House) -> list[dict[str, Any]]:
    from infrafabric.control.health import check_targets, note_health
    from infrafabric.control.records.targets import known_targets
    from infrafabric.control.starting import load_drivers, load_plugins

    drivers = load_drivers(load_plugins(house.settings.extensions), house.settings.drivers, house.redactor)
    try:
        found = await check_targets(house, drivers)
    finally:
        for driver in drivers.values():
            await driver.close()
    note_health(house.home.root, found, house.target_names())
    return known_targets(house)


def _health(seen: Mapping[str, Any] | None) -> str:
    """A target's health in a few words: how it is, how quick, and since when that is known."""
    if seen is None:
        return "not tried"
    parts = [str(seen["state"])]
    if seen["state"] == "up" and seen["latency_ms"] is not None:
        parts.append(f"{seen['latency_ms']:.3g} ms")
    if seen["reconnects"]:
        parts.append(f"{seen['reconnects']} reconnects")
    detail = f"\n{visible(seen['detail'], 200)}" if seen["detail"] else ""
    return f"{', '.join(parts)}  {visible(seen['at'], 40)}{detail}"


def _pairs(given: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            stop("settings are given as NAME=VALUE")
        if name in found:
            stop(f"{name} is given twice")
        found[name] = value
    return found


def _hazards(given: tuple[str, ...], before: Mapping[str, tuple[str, ...]] | None = None) -> dict[str, tuple[str, ...]]:
    """Hazards by effect: those of before, and those given as EFFECT=NAME. Raises IF_ERR_USAGE."""
    found = dict(before or {})
    for one in given:
        effect, equals, name = one.partition("=")
        if not equals or not name:
            stop("--hazard takes EFFECT=NAME, such as cut=live-output or any=safety")
        found[effect] = tuple(sorted({*found.get(effect, ()), name}))
    return found


def _references(given: Iterable[str]) -> dict[str, str]:
    """Secret references. What is no reference may be the secret itself, so it is refused without being repeated."""
    found = _pairs(given)
    for name, reference in found.items():
        if REFERENCE.fullmatch(reference) is None:
            raise FabricError(Code.SECRET_REFERENCE, f"--secret {visible(name, 80)} is not given as a reference")
    return found


def _doubt_hazards(shell: Shell, house: House, value: Target) -> None:
    """Say which hazards look misspelt: a policy that names the right one would never meet them."""
    if not value.hazards:
        return
    from infrafabric.control.policies import doubtful_of_target

    for word, near in doubtful_of_target(house, value).items():
        shell.say(f"note: nobody else speaks of the hazard {visible(word)}; did you mean {visible(near)}?")


def _lines(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{visible(name)}={visible(value)}" for name, value in pairs.items())


def _done(shell: Shell, value: Target, what: str) -> None:
    shape = {"target": value.as_json(), "change": what}
    shell.result(shape, lambda console: console.print(f"target {value.name} {what}"))
