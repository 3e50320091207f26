"""`/v1/messages` over HTTP and WebSocket: the same answers, for whoever holds a sender's key."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from envelopes import EVIDENCE, SENDER
from messaging import Messaging
from served import Served, listening
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from infrafabric.control.api.routes import messages
from infrafabric.control.door_settings import MessageSettings
from infrafabric.control.messages.frames import with_evidence
from infrafabric.control.settings import Settings
from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.witness.verify import verify

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def sending(served: Served) -> Messaging:
    made = Messaging(served.house)
    await made.enrol()
    return made


async def post(client: httpx.AsyncClient, data: bytes) -> httpx.Response:
    return await client.post("/v1/messages", content=data, headers=JSON)


async def test_an_envelope_needs_no_other_credentials(served: Served, sending: Messaging) -> None:
    answer = await post(served.client(), sending.made(1))
    assert answer.status_code == 200, answer.text
    shape = answer.json()
    assert (shape["sender"], shape["seq"], shape["gap"], shape["verdict"]) == (SENDER, 1, 0, "HOLD")
    found = verify(dumps(shape["receipt"]), [served.house.log.vkey])
    assert found.entries[0].index == shape["index"]


async def test_refusals_are_problems_with_their_code(served: Served, sending: Messaging) -> None:
    client = served.client()
    data = sending.made(1)
    await post(client, data)
    again = await post(client, data)
    assert (again.status_code, again.json()["code"]) == (409, "IF_ERR_MESSAGE_REPLAYED")
    assert again.headers["content-type"] == "application/problem+json"
    altered = await post(client, sending.made(2).replace(b'"inform"', b'"confirm"'))
    assert (altered.status_code, altered.json()["code"]) == (403, "IF_ERR_MESSAGE_SIGNATURE")
    wrong = await client.post("/v1/messages", content=sending.made(3), headers={"Content-Type": "text/plain"})
    assert (wrong.status_code, wrong.json()["code"]) == (415, "IF_ERR_MEDIA_TYPE")
    large = await post(client, b" " * (2 << 20))
    assert (large.status_code, large.json()["code"]) == (413, "IF_ERR_TOO_LARGE")
    get = await client.get("/v1/messages")
    assert get.status_code == 405


async def test_evidence_goes_beside_the_envelope(served: Served, sending: Messaging) -> None:
    content = {"evidence": [{"type": "filing", "url": "https://example.org/f", "hash": sha256(EVIDENCE)}]}
    frame = orjson.dumps(with_evidence(sending.made(1, content=content), [EVIDENCE]))
    assert (await post(served.client(), frame)).json()["confidence"] == "0.6"


async def test_an_address_with_too_much_refused_has_to_wait(served: Served, sending: Messaging) -> None:
    client = served.client()
    answers = [await post(client, b"{}") for _ in range(80)]
    codes = {answer.json()["code"] for answer in answers}
    assert codes == {"IF_ERR_MESSAGE_INVALID", "IF_ERR_RATE_LIMITED"}
    limited = answers[-1]
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) >= 1


async def test_where_a_sender_stands_is_told_to_its_tenant(served: Served, sending: Messaging) -> None:
    await post(served.client(), sending.made(4))
    client = await served.operator()
    for name in ("Finance.Agent%2F42", "if:%2F%2Fagent%2FFinance.Agent%2F42"):
        shape = (await client.get(f"/v1/messages/senders/{name}")).json()
        assert (shape["seq"], shape["next"], shape["sender"]) == (4, 5, SENDER)
    other = await served.talent("Other.Agent", tenant="elsewhere")
    stranger = served.client(await served.key(other))
    answer = await stranger.get("/v1/messages/senders/if:%2F%2Fagent%2FFinance.Agent%2F42")
    assert (answer.status_code, answer.json()["code"]) == (404, "IF_ERR_TALENT_UNKNOWN")
    assert (await served.client().get("/v1/messages/senders/x")).status_code == 401


async def test_the_document_names_the_route(served: Served) -> None:
    document = (await (await served.operator()).get("/v1/openapi.json")).json()
    post_route = document["paths"]["/v1/messages"]["post"]
    assert post_route["security"] == []
    assert "requestBody" in post_route


async def _answers(socket: ClientConnection, count: int) -> dict[int, Any]:
    found = [orjson.loads(await socket.recv()) for _ in range(count)]
    return {answer["frame"]: answer for answer in found}


async def test_a_stream_answers_each_frame(served: Served, sending: Messaging) -> None:
    async with listening(served.app) as port, connect(f"ws://127.0.0.1:{port}/v1/messages/stream") as socket:
        for seq in (1, 2, 4):
            await socket.send(sending.made(seq).decode())
        await socket.send(sending.made(3))
        await socket.send("no envelope")
        answers = await _answers(socket, 5)
    assert [answers[number]["gap"] for number in (0, 1, 2)] == [0, 0, 1]
    assert answers[3]["problem"]["code"] == "IF_ERR_MESSAGE_SEQUENCE"
    assert answers[4]["problem"]["code"] == "IF_ERR_JSON_INVALID"


async def test_a_stream_that_is_flooded_admits_each_message_once(served: Served, sending: Messaging) -> None:
    frames = [sending.made(seq) for seq in range(1, 301)]
    async with listening(served.app) as port, connect(f"ws://127.0.0.1:{port}/v1/messages/stream") as socket:

        async def flood() -> None:
            for data in frames:
                await socket.send(data)

        flooding = asyncio.create_task(flood())
        answers = await _answers(socket, 300)
        await flooding
    assert sorted(answer["seq"] for answer in answers.values()) == list(range(1, 301))
    assert [body["seq"] for body in sending.entries("message.admitted")] == list(range(1, 301))


async def test_a_stream_whose_client_goes_away_leaves_its_messages_admitted(served: Served, sending: Messaging) -> None:
    async with listening(served.app) as port:
        async with connect(f"ws://127.0.0.1:{port}/v1/messages/stream") as socket:
            for seq in range(1, 21):
                await socket.send(sending.made(seq))
            await socket.recv()
        async with connect(f"ws://127.0.0.1:{port}/v1/messages/stream") as socket:
            await socket.send(sending.made(21))
            assert orjson.loads(await socket.recv())["seq"] == 21


async def _closed(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            await asyncio.wait_for(socket.recv(), 30)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_a_stream_that_says_nothing_is_closed(
    served: Served, sending: Messaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once where no first frame comes; later where nothing that comes is admitted."""
    monkeypatch.setattr(messages, "FIRST_S", 0.2)
    monkeypatch.setattr(messages, "IDLE_S", 1.0)
    async with listening(served.app) as port:
        uri = f"ws://127.0.0.1:{port}/v1/messages/stream"
        async with connect(uri) as silent:
            assert await _closed(silent) == (1008, "IF_ERR_USAGE: no first frame came")
        async with connect(uri) as babbling:

            async def babble() -> None:
                while True:
                    await babbling.send("no envelope")
                    await asyncio.sleep(0.3)

            task = asyncio.create_task(babble())
            assert await _closed(babbling) == (1008, "IF_ERR_USAGE: no message came")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert served.house.messages._streams == {}


async def test_a_stream_of_which_messages_are_admitted_stays(
    served: Served, sending: Messaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "IDLE_S", 1.0)
    async with listening(served.app) as port, connect(f"ws://127.0.0.1:{port}/v1/messages/stream") as socket:
        for seq in range(1, 6):
            await socket.send(sending.made(seq))
            assert orjson.loads(await socket.recv())["seq"] == seq
            await asyncio.sleep(0.4)


async def test_streams_of_one_address_are_bounded(served: Served, sending: Messaging) -> None:
    served.house.settings = Settings(messages=MessageSettings(streams_each=2))
    async with listening(served.app) as port:
        uri = f"ws://127.0.0.1:{port}/v1/messages/stream"
        async with connect(uri), connect(uri) as second:
            with pytest.raises((InvalidStatus, ConnectionClosed)):
                async with connect(uri) as third:
                    await third.recv()
            await second.send(sending.made(1))
            assert orjson.loads(await second.recv())["seq"] == 1
        async with connect(uri) as again:
            await again.send(sending.made(2))
            assert orjson.loads(await again.recv())["seq"] == 2
