"""Traces as a collector gets them: a real OTLP/HTTP receiver, whose protobuf is decoded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from served import Served
from world import World

from infrafabric.control.api.app import create_app
from infrafabric.control.api.frame.passing import passing_of
from infrafabric.control.api.service import Service
from infrafabric.control.telemetry.requests import ASKED_BY
from infrafabric.kernel.words.plan import Outcome

SECRET = "the collector's own token"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass
class Collector:
    """What came, and under which headers."""

    port: int = 0
    spans: list[Span] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


def attributes(span: Span) -> dict[str, str | int]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            for resource in request.resource_spans:
                found.resources.append({one.key: one.value.string_value for one in resource.resource.attributes})
                for scope in resource.scope_spans:
                    found.spans.extend(scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def configure(world: World, collector: Collector, **more: str) -> None:
    lines = [f'endpoint = "http://127.0.0.1:{collector.port}/v1/traces"', *(f"{k} = {v}" for k, v in more.items())]
    world.home.settings_file.write_text("[telemetry]\n" + "\n".join(lines) + "\n")


async def test_an_action_is_drawn_under_the_trace_that_the_log_holds(
    world: World, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTOR_TOKEN", SECRET)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-ambient=yes")
    configure(world, collector, headers='{ "x-token" = "env:COLLECTOR_TOKEN" }')
    async with world.opened() as house:
        service = Service.of(house)
        report = await house.kernel.act(world.lamps(hall=True))
        refused = await house.kernel.act(world.ask("house.nothing", {}))
        while service.feed.position < house.log.size:
            await house.kernel.expire()
        await service.end_streams()
    assert report.outcome is Outcome.CONVERGED
    assert collector.headers[0]["x-token"] == SECRET
    assert "x-ambient" not in collector.headers[0]
    assert collector.resources[0]["service.instance.id"] == "example.org/tests"

    (action,) = collector.named("action house.lamps")
    assert action.trace_id.hex() == report.trace
    assert attributes(action) == {
        "infrafabric.action": report.action,
        "infrafabric.capability": "if://capability/house.lamps",
        "infrafabric.target": "house@home",
        "infrafabric.purpose": "apply",
        "infrafabric.verdict": "SHARE",
        "infrafabric.outcome": "converged",
    }
    stations = [span for span in collector.spans if span.parent_span_id == action.span_id]
    names = ["resolve", "plan", "decide", "intend", "driver call", "observe", "verify", "close"]
    assert [span.name for span in sorted(stations, key=lambda span: span.start_time_unix_nano)] == names
    assert all(action.start_time_unix_nano <= span.start_time_unix_nano for span in stations)
    assert all(span.end_time_unix_nano <= action.end_time_unix_nano for span in stations)
    call = next(span for span in stations if span.name == "driver call")
    assert call.kind == Span.SPAN_KIND_CLIENT
    assert attributes(call)["infrafabric.effect"] == "switch"

    (turned_away,) = collector.named("action house.nothing")
    assert turned_away.trace_id.hex() == refused.trace
    assert attributes(turned_away)["infrafabric.code"] == "IF_ERR_CAPABILITY_UNKNOWN"


async def test_requests_are_spans_and_actions_hang_under_them(world: World, collector: Collector) -> None:
    configure(world, collector)
    async with world.opened() as house:
        service = Service.of(house)
        served = Served(world, house, service, create_app(service))
        client = await served.operator()
        parent = f"00-{TRACE}-00f067aa0ba902b7-01"
        answer = await client.get("/v1/capabilities", headers={"traceparent": parent})
        unsampled = f"00-{TRACE[::-1]}-00f067aa0ba902b7-00"
        await client.get("/v1/capabilities", headers={"traceparent": unsampled})

        scope = {"type": "http", "client": ("127.0.0.1", 1)}
        passing_of(scope).follow(parent)
        token = ASKED_BY.set(scope)
        report = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, trace=TRACE))
        ASKED_BY.reset(token)
        while service.feed.position < house.log.size:
            await house.kernel.expire()
        await service.end_streams()
        await client.aclose()
    (request,) = collector.named("GET /v1/capabilities")
    assert answer.headers["traceparent"].split("-")[1:3] == [TRACE, request.span_id.hex()]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, "00f067aa0ba902b7")
    assert (request.kind, attributes(request)["http.response.status_code"]) == (Span.SPAN_KIND_SERVER, 200)
    (action,) = collector.named("action house.lamps")
    assert action.trace_id.hex() == report.trace == TRACE
    assert action.parent_span_id.hex() == passing_of(scope).span


async def test_no_argument_and_no_secret_reaches_the_collector(
    world: World, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(world, collector)
    async with world.opened() as house:
        service = Service.of(house)
        await house.kernel.act(world.ask("house.bell", {"tone": "unmistakable"}, why="a whispered reason"))
        while service.feed.position < house.log.size:
            await house.kernel.expire()
        await service.end_streams()
    text = " ".join(str(span) for span in collector.spans)
    assert "house.bell" in text
    for private in ("unmistakable", "whispered", "if://person/operator", "ring_1"):
        assert private not in text


async def test_a_share_of_nothing_sends_nothing(world: World, collector: Collector) -> None:
    configure(world, collector, share="0.0")
    async with world.opened() as house:
        service = Service.of(house)
        await house.kernel.act(world.lamps(hall=True))
        await service.end_streams()
    assert collector.spans == []


async def test_a_collector_that_is_away_holds_nothing_up(world: World) -> None:
    with collecting() as gone:
        configure(world, gone)
    async with world.opened() as house:
        service = Service.of(house)
        report = await house.kernel.act(world.lamps(hall=True))
        assert report.outcome is Outcome.CONVERGED
        assert service.tracing is not None
        assert service.tracing.spans.faults == 0
        await service.end_streams()
        assert (service.tracing.exporter.sent, service.tracing.exporter.dropped > 0) == (0, True)


async def test_nothing_is_exported_unless_a_collector_is_named(world: World) -> None:
    async with world.opened() as house:
        service = Service.of(house)
        assert service.tracing is None
        assert house.kernel.parts.stations == ()
