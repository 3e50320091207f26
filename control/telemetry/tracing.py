"""Traces to an OpenTelemetry collector: only where `[telemetry] endpoint` names one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from infrafabric.control.api.frame.passing import passing_of
from infrafabric.control.feed import Feed
from infrafabric.control.telemetry.requests import Answered
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from infrafabric.control.house import House
    from infrafabric.control.telemetry.otlp import OtlpExporter
    from infrafabric.control.telemetry.spans import Spans

__all__ = ["Tracing"]

QUEUE = 8_192
"""Spans that wait for the collector; where it is away, later ones are dropped."""
BATCH = 512
EVERY_MS = 1_000
TIMEOUT_S = 5.0


class Tracing:
    """Spans on their way to a collector. Sent by a thread of their own: nothing waits for the collector."""

    def __init__(self, spans: Spans, processor: BatchSpanProcessor, exporter: OtlpExporter) -> None:
        self.spans = spans
        self.exporter = exporter
        self._processor = processor

    @classmethod
    def of(cls, house: House, feed: Feed, version: str) -> Tracing | None:
        """Traces as `[telemetry]` says; None where it names no collector.

        Raises IF_ERR_EXTRA_MISSING, and what a header's reference to a secret raises.
        """
        settings = house.settings.telemetry
        if not settings.endpoint:
            return None
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            from infrafabric.control.telemetry.otlp import OtlpExporter
            from infrafabric.control.telemetry.spans import Spans
        except ImportError as error:
            raise FabricError(
                Code.EXTRA_MISSING, f"[telemetry] needs {error.name}; install infrafabric[otel]"
            ) from None
        headers = {name: house.secrets.resolve(reference) for name, reference in settings.headers.items()}
        exporter = OtlpExporter(settings.endpoint, headers, TIMEOUT_S)
        processor = BatchSpanProcessor(
            exporter, max_queue_size=QUEUE, max_export_batch_size=BATCH, schedule_delay_millis=EVERY_MS
        )
        resource = Resource(
            {"service.name": "infrafabric", "service.version": version, "service.instance.id": house.log.origin}
        )
        facts = house.log.facts
        spans = Spans(
            processor.on_end,
            resource,
            settings.share,
            lambda action: facts.get("action", action),
            passing_of,
        )
        house.kernel.parts.stations = (*house.kernel.parts.stations, spans.passes)
        feed.observe(spans.noted)
        return cls(spans, processor, exporter)

    def answered(self, answered: Answered) -> None:
        self.spans.answered(answered)

    async def close(self) -> None:
        """Send what is left, and end. Takes as long as the collector does, at most some seconds."""
        await asyncio.to_thread(self._processor.shutdown)
