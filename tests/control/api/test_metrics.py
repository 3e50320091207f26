"""The metrics page: what was done is counted once, under labels that are bounded, and nobody's names are on it."""

from __future__ import annotations

import asyncio

import pytest
from listening import Listening
from prometheus_client.parser import text_string_to_metric_families
from served import Served

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.plan import Outcome

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(served: Served, path: str = "/metrics") -> Samples:
    """Every sample of the page, once the feed has come as far as the log."""
    key = await served.key(OPERATOR, [AccessScope.METRICS])
    while served.service.feed.position < served.house.log.size:
        await asyncio.sleep(0)
    answer = await served.client(key).get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"infrafabric_{name}", frozenset(labels.items())), 0.0)


async def test_an_action_is_counted_on_its_whole_way(served: Served) -> None:
    before = await scraped(served)
    report = await served.house.kernel.act(served.world.lamps(hall=True))
    assert report.outcome is Outcome.CONVERGED
    after = await scraped(served, "/v1/metrics")

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("actions_asked_total", capability="house.lamps", purpose="apply") == 1
    assert grown("actions_ended_total", capability="house.lamps", outcome="converged", code="") == 1
    assert grown("decisions_total", verdict="SHARE") == 1
    assert grown("decision_seconds_count") == 1
    assert grown("action_seconds_count", capability="house.lamps") == 1
    assert grown("driver_writes_total", driver="http", result="answered") == 1
    assert grown("driver_write_seconds_count", driver="http") == 1
    assert grown("driver_reads_total", driver="http") == 2
    assert grown("guest_runs_total", op="plan", ended="ok") == 2
    assert grown("log_entries_added_total", kind="action.closed") == 1
    assert value(after, "log_entries") == served.house.log.size
    assert value(after, "log_writable") == 1
    assert value(after, "http_requests_total", route="/metrics", method="GET", status="2xx") == 1
    for slo in ("decision", "sandbox", "adapter"):
        assert value(after, "slo_burn_rate", slo=slo, window="5m") == 0
        assert value(after, "slo_alert", slo=slo, severity="page") == 0


async def test_what_fails_burns_the_budget_of_its_level(served: Served) -> None:
    served.world.peer.deaf = True
    await served.house.kernel.act(served.world.lamps(hall=True))
    samples = await scraped(served)
    assert value(
        samples, "actions_ended_total", capability="house.lamps", outcome="failed", code="IF_ERR_NOT_CONVERGED"
    )
    assert value(samples, "slo_burn_rate", slo="adapter", window="1h") == pytest.approx(100)
    assert value(samples, "slo_alert", slo="adapter", severity="page") == 1
    assert value(samples, "slo_burn_rate", slo="sandbox", window="1h") == 0


async def test_asks_that_come_twice_are_suppressed_and_seen(served: Served) -> None:
    ask = served.world.ask("house.bell", {"tone": "low"}, idempotency_key="once")
    await served.house.kernel.act(ask)
    await served.house.kernel.act(ask)
    samples = await scraped(served)
    assert value(samples, "asks_keyed_total") == 2
    assert value(samples, "asks_suppressed_total") == 1


async def test_made_up_names_fill_one_row(served: Served) -> None:
    for number in range(5):
        await served.house.kernel.act(served.world.ask(f"house.no{number}", {}))
        await served.client(await served.key()).get(f"/v1/nothing/{number}")
    samples = await scraped(served)
    names = {dict(labels).get("capability") for _, labels in samples} - {None}
    assert names <= {"house.lamps", "house.bell", "house.chime", "house.gong", "other"}
    assert value(samples, "actions_asked_total", capability="other", purpose="apply") == 5
    assert value(samples, "http_requests_total", route="none", method="GET", status="4xx") == 5


async def test_no_name_of_a_talent_target_or_action_is_on_the_page(listening: Listening) -> None:
    served = listening.served
    report = await served.house.kernel.act(served.world.lamps(hall=True))
    page = served.service.metrics.page().decode()
    for name in (report.action, report.trace, "house@home", OPERATOR, "operator"):
        assert name not in page


async def test_the_page_is_for_who_may_measure(served: Served) -> None:
    assert (await served.client().get("/metrics")).status_code == 401
    for scope in (AccessScope.ACT, AccessScope.READ):
        answer = await served.client(await served.key(OPERATOR, [scope])).get("/metrics")
        assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")
    assert (await served.client(await served.key(OPERATOR, [AccessScope.METRICS])).get("/metrics")).status_code == 200


async def test_the_whole_kernels_figures_are_not_another_tenants(served: Served) -> None:
    guest = await served.talent("Guest", tenant="south", roles=["operator"])
    for path in ("/metrics", "/v1/metrics"):
        answer = await served.client(await served.key(guest)).get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")
        assert "house." not in answer.text


async def test_routes_are_labels_and_their_parameters_are_none(served: Served) -> None:
    client = await served.operator()
    for path in ("/v1/capabilities", "/v1/capabilities/house.lamps", "/v1/capabilities/v1", "/v1/timeline", "/metrics"):
        await client.get(path)
    samples = await scraped(served)
    routes = {dict(labels)["route"] for name, labels in samples if name == "infrafabric_http_requests_total"}
    assert routes == {"/v1/capabilities", "/v1/capabilities/{name:path}", "/v1/timeline", "/metrics"}


async def test_streams_are_counted_and_not_timed(listening: Listening) -> None:
    async with listening.stream(await listening.served.key()):
        assert value(await scraped(listening.served), "streams") == 1
    samples = await scraped(listening.served)
    while not value(samples, "http_requests_total", route="/v1/events", method="GET", status="2xx"):
        samples = await scraped(listening.served)
    assert value(samples, "streams") == 0
    assert value(samples, "http_request_seconds_count", route="/v1/events", method="GET") == 0
