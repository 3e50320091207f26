"""What acting takes beyond an open log: the sandbox, the drivers, the guard, the governor, and the kernel over them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

import infrafabric
from infrafabric.control.component_cache import component_cache
from infrafabric.control.health import noting
from infrafabric.control.home import Home
from infrafabric.control.people import approvals_of
from infrafabric.control.recent_asks import recent_asks
from infrafabric.control.settings import Settings, core_count
from infrafabric.control.stop_file import HomeStops, StopFolder
from infrafabric.control.stopping import noticing_stops
from infrafabric.kernel.chassis.chassis import Chassis
from infrafabric.kernel.chassis.program import ChassisSettings, RunLimits
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hooks import DriverContext, manager
from infrafabric.kernel.kernel import Kernel
from infrafabric.kernel.parts import KernelLimits, Parts
from infrafabric.kernel.ports import Driver, EventLog, Redactor
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.things import Rate
from infrafabric.keys.signing import SigningKey
from infrafabric.policy.breakers import BreakerLimits, TargetBreakers
from infrafabric.policy.budgets import Ledger
from infrafabric.policy.cedar_guard import CedarGuard
from infrafabric.policy.governor import GovernorLimits, RateGovernor

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.falsify.case import Attempt

__all__ = [
    "GROUP", "chassis_settings", "ending_chassis", "load_drivers", "load_plugins", "start_chassis",
    "start_kernel",
]  # fmt: skip

GROUP = "infrafabric.extensions"


async def start_kernel(house: House, chassis: Chassis, stack: AsyncExitStack) -> Kernel:
    """The kernel over the house's parts, started: what a former one left open is closed or reported. `stack` stops it.

    Raises IF_ERR_SETTINGS_INVALID for extensions and drivers that are not there, IF_ERR_LOG_*.
    """
    plugins = load_plugins(house.settings.extensions)
    if house.settings.secrets:
        house.secret_backends()  # a wrong table is told at the start
    drivers = load_drivers(plugins, house.settings.drivers, house.redactor, house.logger)
    for driver in drivers.values():
        stack.push_async_callback(driver.close)
    await stack.enter_async_context(noting(house.home.root, tuple(drivers.values()), house.target_names))
    parts = Parts(
        registry=house.registry,
        guard=CedarGuard(house.authority, house.clock),
        governor=RateGovernor(governor_limits(house.settings), past=partial(recent_asks, house)),
        approvals=approvals_of(house),
        budgets=Ledger(
            house.log.facts,
            house.authority,
            warn_percent=house.settings.governor.budget_warn_percent,
            clock=house.clock,
        ),
        breakers=TargetBreakers(house.log.facts, house.log.append, breaker_limits(house.settings)),
        stops=HomeStops(StopFolder(house.home.root), house.log.facts),
        log=house.log,
        authority=house.authority,
        drivers=drivers,
        secrets=house.secrets,
        redactor=house.redactor,
        now=house.clock,
        chassis=chassis,
        limits=KernelLimits(
            **house.settings.actions.model_dump(),
            retry_s=house.settings.governor.retry_s,
            open_per_talent=house.settings.approvals.open_per_talent,
        ),
        stations=(_announcing(plugins),) if house.settings.extensions else (),
        attempts=load_attempts(plugins),
    )
    kernel = Kernel(
        parts, version=infrafabric.__version__, development=house.home.is_development, notes=chassis.weaknesses
    )
    recovered = await kernel.start()
    await stack.enter_async_context(noticing_stops(house, kernel))
    stack.push_async_callback(kernel.stop, "done")
    for action, outcome in recovered.items():
        if isinstance(outcome, FabricError):
            became = f"still in doubt: {outcome}. {outcome.remedy} Or `ifctl capability close` ends it."
        else:
            became = outcome.value
        house.warnings.append(f"a former kernel left {action} open: {became}")
    return kernel


async def start_chassis(home: Home, settings: Settings, key: SigningKey, tell: Callable[[str], None]) -> Chassis:
    """The sandbox, its workers starting. Raises IF_ERR_SANDBOX_UNAVAILABLE."""
    chosen = chassis_settings(*component_cache(home, key), settings)
    kept = replace(chosen, kept=home.components, kept_most=settings.sandbox.keep_components)
    return await Chassis.start(kept, progress=tell)


def chassis_settings(cache: Path, mac_key: bytes, settings: Settings) -> ChassisSettings:
    """The sandbox's settings out of `[sandbox]`."""
    chosen = settings.sandbox
    limits = RunLimits(
        cpu_ms=chosen.cpu_ms,
        memory_bytes=chosen.memory_bytes,
        output_bytes=chosen.output_bytes,
        depth=chosen.depth,
        requests=chosen.requests,
    )
    return ChassisSettings(
        cache=cache,
        mac_key=mac_key,
        workers=chosen.workers or core_count(),
        spares=chosen.spares,
        seats=chosen.seats,
        preload=chosen.preload,
        evict_after_s=chosen.evict_after_s,
        recycle_after=chosen.recycle_after,
        limits=limits,
        allow_unconfined=chosen.allow_unconfined,
    )


def governor_limits(settings: Settings) -> GovernorLimits:
    """The governor's limits out of `[governor]`."""
    chosen = settings.governor
    return GovernorLimits(
        waiting=chosen.waiting,
        waiting_each=chosen.waiting_each,
        talent=Rate(rps=chosen.talent_rps, burst=chosen.talent_burst),
        target=Rate(rps=chosen.target_rps, burst=chosen.target_burst),
    )


def breaker_limits(settings: Settings) -> BreakerLimits:
    """The breakers' limits out of `[governor]`."""
    return BreakerLimits(failures=settings.governor.failures, open_s=settings.governor.open_s)


async def ending_chassis(starting: asyncio.Task[Chassis]) -> None:
    """Close the sandbox, however far it came."""
    starting.cancel()
    with suppress(asyncio.CancelledError, FabricError):
        chassis = await starting
        await chassis.close()


def load_plugins(names: tuple[str, ...]) -> pluggy.PluginManager:
    """The shipped drivers and the extensions of those names. Raises IF_ERR_SETTINGS_INVALID for one not installed."""
    from infrafabric.transports.extension import SHIPPED

    plugins = manager()
    for offer in SHIPPED:
        plugins.register(offer, name=offer.name)
    for name in names:
        found = list(entry_points(group=GROUP, name=name))
        if len(found) != 1:
            raise FabricError(Code.SETTINGS_INVALID, f"extensions: {len(found)} installed extensions are called {name}")
        plugins.register(found[0].load(), name=name)
    return plugins


def load_drivers(
    plugins: pluggy.PluginManager,
    tables: Mapping[str, Mapping[str, Any]],
    redactor: Redactor,
    log: EventLog | None = None,
) -> dict[str, Driver]:
    """All drivers by name, each made with the table `[drivers.NAME]` of the plugin that offers it.

    Raises IF_ERR_SETTINGS_INVALID for a table that no plugin takes, and for two drivers of one name.
    """
    names = {name for name, _ in plugins.list_name_plugin()}
    if unknown := set(tables) - names:
        raise FabricError(Code.SETTINGS_INVALID, f"drivers.{min(unknown)} belongs to no loaded extension")
    drivers: dict[str, Driver] = {}
    for name, plugin in plugins.list_name_plugin():
        others = [other for _, other in plugins.list_name_plugin() if other is not plugin]
        offer = plugins.subset_hook_caller("drivers", remove_plugins=others)
        for offered in offer(context=DriverContext(redactor, tables.get(name, {}), log)):
            if twice := set(offered) & set(drivers):
                raise FabricError(Code.SETTINGS_INVALID, f"extensions: two of them offer a driver {min(twice)}")
            drivers.update(offered)
    return drivers


def load_attempts(plugins: pluggy.PluginManager) -> dict[str, Attempt]:
    """What extensions add to the attempts to refute a plan. Raises IF_ERR_SETTINGS_INVALID for a name that is taken."""
    from infrafabric.kernel.falsify.attempts import ATTEMPTS

    found: dict[str, Attempt] = {}
    for offered in plugins.hook.attempts():
        for name, attempt in offered.items():
            if name in ATTEMPTS or name in found or re.fullmatch(r"[a-z][a-z0-9-]{0,59}", name) is None:
                raise FabricError(Code.SETTINGS_INVALID, f"extensions: an attempt cannot be called {name[:60]!r}")
            found[name] = attempt
    return found


def _announcing(plugins: pluggy.PluginManager) -> Callable[[str, Station], None]:
    def passes(action: str, station: Station) -> None:
        plugins.hook.station(action=action, station=station.value)

    return passes
