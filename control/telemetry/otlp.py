"""Spans to a collector by OTLP over HTTP (OpenTelemetry Protocol 1.x, binary protobuf).

OpenTelemetry's own exporter takes headers, proxies and certificates from the environment as well; this one sends what
`[telemetry]` says and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import httpx
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

__all__ = ["OtlpExporter"]


class OtlpExporter(SpanExporter):
    """Sends each batch once, in the thread that calls. One that the collector does not take is counted and dropped."""

    def __init__(self, endpoint: str, headers: Mapping[str, str], timeout_s: float) -> None:
        self._endpoint = endpoint
        self._client = httpx.Client(
            headers={**headers, "Content-Type": "application/x-protobuf"}, timeout=timeout_s, trust_env=False
        )
        self.sent = self.dropped = 0
        """Spans that the collector took, and that it did not."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            answer = self._client.post(self._endpoint, content=encode_spans(spans).SerializeToString())
            taken = answer.is_success
        except httpx.HTTPError:
            taken = False
        if not taken:
            self.dropped += len(spans)
            return SpanExportResult.FAILURE
        self.sent += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._client.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """True: nothing is held back here."""
        return True
