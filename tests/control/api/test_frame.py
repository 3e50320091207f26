"""What every request passes and every answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from served import Served, listening

from infrafabric.control.api.frame.rates import Rates


@pytest.fixture
async def port(served: Served) -> AsyncIterator[int]:
    async with listening(served.app) as found:
        yield found


async def test_an_answer_goes_on_under_the_callers_trace(served: Served) -> None:
    client = await served.operator()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await client.get("/v1/me", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    version, found, span, flags = answer.headers["traceparent"].split("-")
    assert (version, found, flags) == ("00", trace, "01")
    assert span != "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "traceparent",
    ["", "nonsense", f"00-{'0' * 32}-{'1' * 16}-01", f"ff-{'1' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01"],
)
async def test_a_trace_that_is_not_of_its_form_is_begun_anew(served: Served, traceparent: str) -> None:
    answer = await (await served.operator()).get("/v1/me", headers={"traceparent": traceparent})
    trace = answer.headers["traceparent"].split("-")[1]
    assert answer.status_code == 200
    assert (len(trace), trace in traceparent) == (32, False)


async def test_a_refusal_names_its_trace(served: Served) -> None:
    answer = await served.client().get("/v1/me")
    assert answer.json()["trace"] == answer.headers["traceparent"].split("-")[1]
    assert answer.json()["instance"] == "/v1/me"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_answers_tell_browsers_to_keep_and_show_nothing(served: Served) -> None:
    answer = await (await served.operator()).get("/v1/me")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert "access-control-allow-origin" not in answer.headers


async def test_answers_say_what_the_caller_may_still_ask(served: Served) -> None:
    client = await served.operator()
    first, second = [(await client.get("/v1/me")).headers for _ in range(2)]
    serve = served.house.settings.serve
    window = -(-serve.requests_burst // int(serve.requests_rps))
    assert first["ratelimit-policy"] == f'"credential";q={serve.requests_burst};w={window}'
    assert second["ratelimit"].startswith('"credential";r=')


async def test_head_is_get_without_its_body(port: int, served: Served) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        headers = {"Authorization": f"Bearer {await served.key()}"}
        get = await client.get("/v1/me", headers=headers)
        head = await client.head("/v1/me", headers=headers)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
        assert (await client.get("/v1/me", headers=headers)).status_code == 200  # on the same connection


async def test_a_method_that_is_not_taken_is_told_those_that_are(served: Served) -> None:
    client = await served.operator()
    refused = await client.patch("/v1/keys")
    assert (refused.status_code, refused.json()["code"]) == (405, "IF_ERR_METHOD_UNKNOWN")
    assert refused.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    options = await client.options("/v1/keys")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    assert (await client.options("/v1/nothing")).status_code == 404


async def test_a_body_of_two_minds_is_refused(served: Served) -> None:
    client = await served.operator()
    for body in ('{"why": "a", "why": "b"}', '{"why": NaN}', "{", "[" * 5_000):
        answer = await client.post("/v1/keys", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_JSON_INVALID"), body[:20]


async def test_what_does_not_fit_is_named_without_its_value(served: Served) -> None:
    client = await served.operator()
    answer = await client.post("/v1/keys", json={"talent": {"password": "hunter2hunter2"}})
    assert answer.json()["code"] == "IF_ERR_USAGE"
    assert "hunter2" not in answer.text


async def test_a_fault_of_our_own_is_told_without_its_traceback_which_is_kept(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("the pump in room 12 is lost")

    client = await served.operator()
    monkeypatch.setattr(served.service.sessions, "current", broken)
    answer = await client.get("/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (500, "IF_ERR_INTERNAL")
    assert "room 12" not in answer.text
    (kept,) = served.house.home.crash.iterdir()
    assert answer.json()["trace"] in kept.name
    assert "the pump in room 12 is lost" in kept.read_text()


async def test_the_document_is_for_known_callers(served: Served) -> None:
    assert (await served.client().get("/v1/openapi.json")).status_code == 401
    document = (await (await served.operator()).get("/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1")


async def test_a_caller_over_its_rate_waits(served: Served) -> None:
    key = await served.key()
    served.service.door._rates = Rates("credential", 1.0, 2)
    answers = [await served.client(key).get("/v1/me") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "IF_ERR_RATE_LIMITED"
    assert answers[2].headers["retry-after"] == "1"
    assert answers[2].headers["ratelimit"].startswith('"credential";r=0;')
    assert (await (await served.operator()).get("/v1/me")).status_code == 200


async def test_a_stream_ends_when_only_its_headers_are_asked_for(served: Served, port: int) -> None:
    headers = {"Authorization": f"Bearer {await served.key()}"}
    with anyio.fail_after(10):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answer = await client.head("/v1/events", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_who_hangs_up_in_the_midst_of_its_body_leaves_no_trace(served: Served, port: int) -> None:
    """Else whoever can connect could fill the disk with tracebacks."""
    key = await served.key()
    for path in ("/v1/keys", "/v1/messages"):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{".encode()
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
        assert (await client.get("/v1/me")).status_code == 200
    assert list(served.house.home.crash.iterdir()) == []


async def test_tracebacks_fill_no_disk(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrafabric.control.crash.MOST", 3)
    said = [served.service.keep(RuntimeError("again"), "0" * 32).message for _ in range(5)]
    assert len(list(served.house.home.crash.iterdir())) == 3
    assert "3 are there already" in said[-1]


async def test_an_idempotency_key_is_refused_where_it_would_be_in_vain(served: Served) -> None:
    operator, headers = await served.operator(), {"Idempotency-Key": "once"}
    stop = {"scope": "capability", "name": "house.bell", "why": "x"}
    answer = await operator.post("/v1/stops", json=stop, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_HEADER_INVALID")
    assert (await operator.get("/v1/stops", headers=headers)).json()["stops"] == []
    assert (await operator.post("/v1/stops", json=stop)).status_code == 200
