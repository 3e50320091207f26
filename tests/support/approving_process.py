"""A kernel in which Ann agrees to a plan that waits, and which is killed: HOME ACTION SEED MOMENT.

MOMENT is `opened` (before she answers), `given` (her approval is on record), or a station that the action passes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from people import People, asked

from infrafabric.control.approver_key import agreement
from infrafabric.control.home import Home
from infrafabric.control.house import open_house
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.entries import Kind
from infrafabric.keys.passphrase import Passphrase
from infrafabric.keys.signing import SigningKey

ANN = "if://person/Ann"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(root: str, action: str, seed: str, moment: str) -> None:
    def watcher(_: str, passed: Station) -> None:
        if passed == moment:
            die()

    async with open_house(Home.open(Path(root)), "acting", passphrase=Passphrase(environ={})) as house:
        People().ask_about_everything(house)
        if moment == "opened":
            die()
        given = agreement(asked(house, action), ANN, SigningKey(bytes.fromhex(seed)), "it is right")
        if moment == "given":
            await house.log.append(Entry(Kind.APPROVAL_GIVEN, given, action, ANN))
            die()
        await house.kernel.approve(action, given, watcher)


asyncio.run(main(*sys.argv[1:]))
