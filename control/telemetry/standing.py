"""How the kernel stands at this moment, as gauges: read when the page is asked for, and never kept."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from infrafabric.control.telemetry.entries import EntryMetrics
from infrafabric.control.telemetry.levels import WINDOWS
from infrafabric.kernel.clock import moment
from infrafabric.kernel.words.names import short_name

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Standing"]

_P = "infrafabric_"


class Standing:
    """A prometheus_client collector over an open house. To be read in the thread of the house's loop."""

    def __init__(self, house: House, entries: EntryMetrics, followers: Callable[[], int]) -> None:
        self._house = house
        self._entries = entries
        self._levels = entries.levels
        self._followers = followers

    def describe(self) -> list[Metric]:
        """Nothing: names are not looked for among other collectors', whose prefix this one shares."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._kernel()
        yield from self._log()
        yield from self._facts()
        yield from self._service_levels()

    def _kernel(self) -> Iterator[Metric]:
        kernel = self._house.kernel
        parts = kernel.parts
        yield _gauge("actions_under_way", "Actions on the road now.", len(kernel.under_way))
        turns = getattr(parts.governor, "turns", (0, 0))
        queues = GaugeMetricFamily(f"{_P}queue", "What waits: entries in bytes, actions, guest runs.", labels=["queue"])
        load = parts.chassis.standing
        queues.add_metric(["log_bytes"], self._house.log.pending_bytes)
        queues.add_metric(["turns"], turns[1])
        queues.add_metric(["sandbox"], load.waiting)
        yield queues
        yield _gauge("turns_held", "Actions that hold a turn at their target.", turns[0])
        yield _gauge("sandbox_workers", "Sandbox workers that serve a publisher.", load.workers)
        yield _gauge("sandbox_spares", "Sandbox workers that are ready for one.", load.spares)
        yield _gauge("sandbox_guests", "Guests with a run.", load.seats)
        yield _gauge("streams", "Callers that follow the log live.", self._followers())
        keyed, suppressed = kernel.duplicates
        yield _counter("asks_keyed", "Asks under an idempotency key, their own or their content's.", keyed)
        yield _counter("asks_suppressed", "Of them, answered with an action that was there already.", suppressed)
        refused = CounterMetricFamily(f"{_P}asks_uncounted", "Asks refused without an entry, by code.", labels=["code"])
        by_code: Counter[str] = Counter()
        for cause, count in parts.refused.items():
            by_code[cause.partition(" ")[0]] += count
        for code, count in by_code.items():
            refused.add_metric([code], count)
        yield refused

    def _log(self) -> Iterator[Metric]:
        log, home = self._house.log, self._house.home
        yield _gauge("log_entries", "Entries of the log.", log.size)
        last = moment(log.entry(log.size - 1).parsed.at)
        age = max(0.0, (self._house.clock() - last).total_seconds())
        yield _gauge("log_checkpoint_age_seconds", "Since the latest checkpoint was signed.", age)
        yield _gauge("log_writable", "1 where the log takes entries.", log.stopped is None)
        yield _gauge("disk_free_bytes", "Room where the home is.", shutil.disk_usage(home.root).free)
        expires = moment(self._house.trusted.trust.expires)
        left = (expires - self._house.now()).total_seconds()
        yield _gauge("trust_left_seconds", "Until the trust set expires; negative afterwards.", left)

    def _facts(self) -> Iterator[Metric]:
        facts = self._house.log.facts
        waiting = GaugeMetricFamily(f"{_P}approvals_waiting", "Plans that wait for people.", labels=["verdict"])
        verdicts = Counter(fact["verdict"] for _, fact in facts.scan("pending"))
        for verdict in ("HOLD", "ESCALATE"):
            waiting.add_metric([verdict], verdicts[verdict])
        yield waiting
        installed = {one.id for one in self._house.manifests()}
        breakers = GaugeMetricFamily(
            f"{_P}breakers", "Breakers that are not closed, by capability.", labels=["capability", "state"]
        )
        states: Counter[tuple[str, str]] = Counter()
        for key, fact in facts.scan("breaker"):
            capability = key.partition(" ")[0]
            states[short_name(capability) if capability in installed else "other", fact["state"]] += 1
        for labels, count in states.items():
            breakers.add_metric(labels, count)
        yield breakers
        yield _gauge("stops", "Stops that stand.", len(facts.scan("stop")))

    def _service_levels(self) -> Iterator[Metric]:
        at = self._house.clock().timestamp()
        objective = GaugeMetricFamily(f"{_P}slo_objective", "Share that must be good.", labels=["slo"])
        burn = GaugeMetricFamily(
            f"{_P}slo_burn_rate", "How many times as fast as it may the error budget burns.", labels=["slo", "window"]
        )
        alert = GaugeMetricFamily(f"{_P}slo_alert", "1 where the burn rates call for it.", labels=["slo", "severity"])
        for level in self._levels.objectives:
            objective.add_metric([level.name], level.objective)
            due = level.alerts(at)
            for window in WINDOWS:
                burn.add_metric([level.name, window], level.burn(window, at))
            for severity in ("page", "ticket"):
                alert.add_metric([level.name, severity], severity in due)
        yield from (objective, burn, alert)
        share = GaugeMetricFamily(
            f"{_P}escalation_share", "Of the decisions, those that asked people.", labels=["window"]
        )
        for window in WINDOWS:
            share.add_metric([window], self._levels.escalation.within(window, at).share)
        yield share
        cost = GaugeMetricFamily(f"{_P}cost_per_decision", "What a decided action cost so far.", labels=["currency"])
        for currency, amount in self._entries.spent.items():
            cost.add_metric([currency], amount / max(1, self._entries.decided))
        yield cost


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_P}{name}", meaning, value=float(value))


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"{_P}{name}", meaning, value=float(value))
