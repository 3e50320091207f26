"""A kernel in a process of its own that admits messages until it is killed: HOME FILE.

FILE holds an envelope a line. All are sent at once, in order; each answer is a line: the message's number and the index
of its entry.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.keys.passphrase import Passphrase

AT_ONCE = 16


async def admit(house: House, data: bytes, room: asyncio.Semaphore) -> None:
    answer = await house.messages.take(data, "local")
    room.release()
    print(answer["seq"], answer["index"], flush=True)


async def main(root: str, file: str) -> None:
    room = asyncio.Semaphore(AT_ONCE)
    frames = Path(file).read_bytes().splitlines()
    async with open_house(Home.open(Path(root)), "acting", passphrase=Passphrase(environ={})) as house:
        async with asyncio.TaskGroup() as tasks:
            for data in frames:
                await room.acquire()
                tasks.create_task(admit(house, data, room))
        print("all", flush=True)
        await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
