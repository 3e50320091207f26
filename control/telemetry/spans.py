"""Spans of requests, actions and the stations that actions pass, for a collector to draw.

The trace id of every span is the one that the log holds (`Ask.trace`), so what a collector shows can be looked up with
`ifctl witness query --trace-token`, and the other way round. Attributes are names and codes; arguments, intents,
answers, talents and secrets are none of a collector's business.

    request ─► action ─► resolve, plan, decide, intend, driver call, observe, verify, close
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from infrafabric.control.telemetry.requests import ASKED_BY, Answered
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import short_name

if TYPE_CHECKING:
    from infrafabric.control.api.frame.passing import Passing
    from infrafabric.control.feed import Noted

__all__ = ["Spans"]

OPEN = 10_000
"""Actions under way that are followed; of more of them the oldest is let go without a span."""
_SCOPE = InstrumentationScope("infrafabric")
_NAMES = {
    Station.RESOLVED: "resolve",
    Station.PLANNED: "plan",
    Station.DECIDED: "decide",
    Station.INTENDED: "intend",
    Station.SENT: "driver call",
    Station.OBSERVED: "observe",
    Station.VERIFIED: "verify",
}
"""What leads to a station, and is over when it is passed."""
_FAILED = frozenset({"failed", "in_doubt"})


@dataclass(slots=True)
class _Way:
    """An action's present stretch on the road: until it ends, or waits for people."""

    trace: str
    span: str
    since: int
    """Unix nanoseconds, as all times here."""
    last: int
    sampled: bool
    parent: str = ""
    names: dict[str, str] = field(default_factory=dict)
    effects: dict[str, str] = field(default_factory=dict)


class Spans:
    """Makes spans of what it is told, and gives each to `sink` when it is over. Never raises."""

    def __init__(
        self,
        sink: Callable[[ReadableSpan], None],
        resource: Resource,
        share: float,
        asked: Callable[[str], Mapping[str, Any] | None],
        passing: Callable[[Any], Passing],
    ) -> None:
        """`share` of the traces is sampled where the caller did not decide. `asked` gives the fact of an action,
        `passing` what is known of the request of an ASGI scope."""
        self._sink = sink
        self._resource = resource
        self._bound = round(share * 2**64)
        self._asked = asked
        self._passing = passing
        self._ways: dict[str, _Way] = {}
        self.faults = 0
        """What could not be made into a span: it is missing at the collector, and nothing else is."""

    # --- what it is told

    def answered(self, answered: Answered) -> None:
        """A request was answered. Streams make no span: they last as long as somebody looks."""
        if answered.stream:
            return
        try:
            passing = self._passing(answered.scope)
            if self._sampled(passing.trace, passing.sampled):
                began = int(answered.began * 1e9)
                self._emit(
                    f"{answered.method} {answered.route}",
                    (passing.trace, passing.span, passing.parent),
                    (began, began + int(answered.seconds * 1e9)),
                    {
                        "http.request.method": answered.method,
                        "http.route": answered.route,
                        "http.response.status_code": answered.status,
                    },
                    kind=SpanKind.SERVER,
                    failed=answered.status >= 500,
                )
        except Exception:  # whatever is wrong with a span, the request was answered
            self.faults += 1

    def passes(self, action: str, station: Station) -> None:
        """An action passes a station; see `kernel.stations`."""
        try:
            self._passes(action, station, time.time_ns())
        except Exception:  # an exception here would refuse the action
            self.faults += 1

    def noted(self, noted: Noted) -> None:
        """The log has an entry: what began, which effect is called, how it ended."""
        body = noted.body
        match noted.kind:
            case Kind.ACTION_RECEIVED:
                way = self._way(noted.action, body["trace"], time.time_ns())
                way.names["infrafabric.purpose"] = body["purpose"]
                self._name(way, noted.action, body)
            case Kind.EFFECT_INTENDED if (known := self._ways.get(noted.action)) is not None:
                known.effects[body["change"]] = body["effect"]
            case Kind.ACTION_DECIDED if (known := self._ways.get(noted.action)) is not None:
                known.names["infrafabric.verdict"] = body["decision"]["verdict"]
                if body.get("pending") is not None:
                    self._end(noted.action, "decide", "waiting", "")
            case Kind.ACTION_REFUSED if (known := self._ways.get(noted.action)) is not None:
                self._name(known, noted.action, body)
                self._end(noted.action, "refuse", "refused", body["code"])
            case Kind.ACTION_CLOSED if (known := self._ways.get(noted.action)) is not None:
                self._name(known, noted.action, body)
                self._end(noted.action, "close", body["outcome"], body["code"])
            case _:
                pass

    # --- an action's way

    def _passes(self, action: str, station: Station, now: int) -> None:
        if station in (Station.CLOSED, Station.REFUSED):
            return  # told with the entry, which knows how it ended
        way = self._ways.get(action)
        if way is None:
            asked = self._asked(action)
            if asked is None:
                return
            way = self._way(action, asked["trace"], now)
            self._name(way, action, asked)
        if station is Station.RECEIVED:
            self._under_request(way)
        elif way.sampled:
            attributes = {"infrafabric.station": station.value, "infrafabric.action": action}
            kind = SpanKind.INTERNAL
            if station is Station.SENT:
                kind = SpanKind.CLIENT
                attributes |= {name: way.names[name] for name in ("infrafabric.target",) if name in way.names}
                if way.effects:
                    change, effect = way.effects.popitem()
                    attributes |= {"infrafabric.change": change, "infrafabric.effect": effect}
            ids = (way.trace, os.urandom(8).hex(), way.span)
            self._emit(_NAMES[station], ids, (way.last, now), attributes, kind=kind)
        way.last = now

    def _way(self, action: str, trace: str, now: int) -> _Way:
        way = self._ways.get(action)
        if way is None:
            while len(self._ways) >= OPEN:
                del self._ways[next(iter(self._ways))]
            way = self._ways[action] = _Way(trace, os.urandom(8).hex(), now, now, self._sampled(trace, None))
        return way

    def _under_request(self, way: _Way) -> None:
        """Hang the action under the request in whose course it goes its way, where that is of the same trace."""
        scope = ASKED_BY.get()
        if scope is not None:
            passing = self._passing(scope)
            if passing.trace == way.trace:
                way.parent = passing.span
                way.sampled = self._sampled(way.trace, passing.sampled)

    @staticmethod
    def _name(way: _Way, action: str, body: Mapping[str, Any]) -> None:
        way.names["infrafabric.action"] = action
        for member in ("capability", "target"):
            if body.get(member):
                way.names[f"infrafabric.{member}"] = str(body[member])

    def _end(self, action: str, last: str, outcome: str, code: str) -> None:
        """`last` names what the action did last, since the station before."""
        way, now = self._ways.pop(action), time.time_ns()
        if way.sampled:
            ids = (way.trace, os.urandom(8).hex(), way.span)
            self._emit(last, ids, (way.last, now), {"infrafabric.action": action})
            attributes = {**way.names, "infrafabric.outcome": outcome}
            if code:
                attributes["infrafabric.code"] = code
            name = f"action {short_name(way.names.get('infrafabric.capability', '')) or 'unknown'}"
            ids = (way.trace, way.span, way.parent)
            self._emit(name, ids, (way.since, now), attributes, failed=outcome in _FAILED)

    # --- spans

    def _sampled(self, trace: str, decided: bool | None) -> bool:
        """By the caller's word, else by the trace id's lower half (as OpenTelemetry's TraceIdRatioBased sampler)."""
        return decided if decided is not None else int(trace[16:], 16) < self._bound

    def _emit(
        self,
        name: str,
        ids: tuple[str, str, str],
        times: tuple[int, int],
        attributes: Mapping[str, str | int],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        failed: bool = False,
    ) -> None:
        trace, span, parent = ids
        self._sink(
            ReadableSpan(
                name,
                context=_context(trace, span),
                parent=_context(trace, parent) if parent else None,
                resource=self._resource,
                attributes=dict(attributes),
                kind=kind,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=times[0],
                end_time=times[1],
                instrumentation_scope=_SCOPE,
            )
        )


def _context(trace: str, span: str) -> SpanContext:
    return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
