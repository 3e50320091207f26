"""All metrics of one served house, in a registry of their own, and the page that Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from infrafabric.control.telemetry.entries import EntryMetrics, Levels
from infrafabric.control.telemetry.requests import RequestMetrics
from infrafabric.control.telemetry.standing import Standing

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """What is measured of a house that is open for acting."""

    def __init__(self, house: House, version: str, followers: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.levels = Levels.of(house.settings.slo)
        facts = house.log.facts
        self.entries = EntryMetrics(
            self.registry,
            self.levels,
            house.settings.slo.decision_s,
            manifests=house.manifests,
            asked=lambda action: facts.get("action", action) if action else None,
        )
        self.requests = RequestMetrics(self.registry)
        info = Info("infrafabric_build", "What runs.", registry=self.registry)
        info.info({"version": version, "development": str(house.home.is_development).lower()})
        self.registry.register(Standing(house, self.entries, followers))
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def page(self) -> bytes:
        """The Prometheus text format, version 0.0.4 or as `CONTENT_TYPE` says."""
        return generate_latest(self.registry)
