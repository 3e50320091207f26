"""What an ask is about, found out before anything is planned."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from infrafabric.kernel.admission import authenticate, authorize, check_intent, set_out
from infrafabric.kernel.ask import Ask
from infrafabric.kernel.kernel import Kernel
from infrafabric.kernel.ports import Signals
from infrafabric.kernel.words.manifest import Manifest

__all__ = ["Admitted", "admit"]


@dataclass(frozen=True, slots=True)
class Admitted:
    """An ask that would not be turned away."""

    manifest: Manifest
    """Of the capability that would answer for it now."""
    signals: Callable[[], AbstractAsyncContextManager[Signals] | None]
    """What its target tells of changes; None where nobody can hear it. Opening raises as `Driver.signals` does."""


async def admit(kernel: Kernel, ask: Ask) -> Admitted:
    """Take the ask as far as it comes before a plan. Nothing is recorded, and nothing asked of the target.

    Raises what would turn it away there: talent, capability, target, grant, intent.
    """
    parts = kernel.parts
    journey = set_out(parts, ask, "", authenticate(parts, ask.talent), None)
    authorize(journey)
    await check_intent(journey)
    manifest = journey.capability.manifest

    def signals() -> AbstractAsyncContextManager[Signals] | None:
        if manifest.signals is None:
            return None
        driver = parts.driver(manifest.signals.driver or manifest.driver)
        return driver.signals(manifest, journey.target, journey.secrets)

    return Admitted(manifest, signals)
