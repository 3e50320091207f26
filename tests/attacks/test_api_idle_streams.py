"""A thousand callers follow the log and do nothing else. The kernel goes on acting, all are told of what it did, and
what they held is free again when they have gone. One more than a talent may hold is refused."""

from __future__ import annotations

import asyncio
import resource

import pytest
from listening import Listening

from infrafabric.control.api.streams.places import Places
from infrafabric.kernel.words.plan import Outcome

MANY = 1_000


@pytest.fixture
def descriptors() -> None:
    """Both ends of every socket are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MANY + 500
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"only {hard} files may be open here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@pytest.mark.timeout(180)
async def test_a_thousand_idle_streams(listening: Listening, descriptors: None) -> None:
    served, key = listening.served, await listening.served.key()
    head = f"GET /v1/events?kind=action.closed HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"

    async def opened() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        writer.write(head.encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"retry: ")
        return reader, writer

    streams = []
    for _ in range(MANY // 50):
        streams += await asyncio.gather(*(opened() for _ in range(50)))
    while served.service.feed.followers < MANY:
        await asyncio.sleep(0.01)
    report = await served.house.kernel.act(served.world.lamps(hall=True))
    assert report.outcome is Outcome.CONVERGED
    told = await asyncio.gather(*(reader.readuntil(report.action.encode()) for reader, _ in streams))
    assert len(told) == MANY
    for _, writer in streams:
        writer.close()
    while served.service.places.taken:
        await asyncio.sleep(0.01)
    assert served.service.feed.followers == 0


async def test_a_talent_holds_so_many_and_no_more(listening: Listening) -> None:
    listening.served.service.places = Places(2)
    key = await listening.served.key()
    async with listening.stream(key), listening.stream(key):
        answer = await listening.client(key).get("/v1/events")
        assert (answer.status_code, answer.json()["code"]) == (503, "IF_ERR_BUSY")
        assert answer.headers["retry-after"] == "10"
        other = await listening.talent("other-reader", "default", "operator")
        async with listening.stream(await listening.served.key(other)):
            pass
