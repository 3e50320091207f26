"""A caller opens an event stream and does not read it. Neither the kernel nor other readers wait, memory stays bounded,
and the reader can go on where it was."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
from listening import Listening

from infrafabric.control import feed as feed_module
from infrafabric.control.api.streams import pace
from infrafabric.control.feed import Feed, Follower, Noted, Wanted
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome

FREE: Callable[[], None] = lambda: None  # noqa: E731


async def caught_up(follower: Follower, feed: Feed) -> None:
    """Let a follower that is not read from begin to follow live."""
    waiting = asyncio.ensure_future(follower.wait())
    while not feed.has(follower):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_who_does_not_keep_up_is_cut_off_and_can_go_on(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "QUEUE", 16)
    house, feed = listening.served.house, listening.served.service.feed
    slow, quick = (feed.follow("default", Wanted(), FREE) for _ in range(2))
    began = slow.position
    await caught_up(slow, feed)
    seen: list[Noted] = []

    async def reading() -> None:
        while len(seen) < 30:
            seen.extend(await quick.wait() or ())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reading())
        for turn in range(5):
            report = await house.kernel.act(listening.served.world.lamps(hall=turn % 2 == 0))
            assert report.outcome is Outcome.CONVERGED
    assert [one.index for one in seen] == list(range(began, began + len(seen)))
    with pytest.raises(FabricError) as caught:
        await slow.wait()
    assert caught.value.code is Code.BUSY
    assert slow.mark == began - 1
    again = feed.follow("default", Wanted(), FREE, after=slow.mark)
    assert [one.index for one in await again.wait() or ()] == list(range(began, feed.position))


async def test_a_socket_that_is_not_read_is_given_up(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "QUEUE", 64)
    monkeypatch.setattr(pace, "SLOW_S", 0.3)
    served, key = listening.served, await listening.served.key()
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", listening.port))
    _, writer = await asyncio.open_connection(sock=narrow, limit=1_024)
    head = f"GET /v1/events?since=-1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    while not served.service.places.taken:
        await asyncio.sleep(0.01)
    for number in range(400):
        if not served.service.places.taken:
            break
        report = await served.house.kernel.act(
            served.world.ask("house.bell", {"tone": "low"}, why=f"{number}" + "w" * 300_000)
        )
        assert report.outcome is Outcome.DONE
    while served.service.places.taken:
        await asyncio.sleep(0.05)
    writer.close()
    assert served.service.feed.followers == 0
