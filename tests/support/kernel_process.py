"""A kernel in a process of its own, for tests that kill it: HOME CAPABILITY INTENT PURPOSE STATION NTH [UNDOES].

It acts once and kills itself with SIGKILL when the action passes STATION for the NTH time; `none` lets it live,
and nobody stands at the stations.
Prints the report's outcome.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from infrafabric.control.home import Home
from infrafabric.control.house import open_house
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Ask
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.names import capability_id
from infrafabric.keys.passphrase import Passphrase


async def main(root: str, capability: str, intent: str, purpose: str, station: str, nth: str, undoes: str = "") -> None:
    left = int(nth)

    def watcher(action: str, passed: Station) -> None:
        nonlocal left
        if passed == station:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    async with open_house(Home.open(Path(root)), "acting", passphrase=Passphrase(environ={})) as house:
        stands = None if station == "none" else watcher
        if purpose == "undo":
            report = await house.kernel.undo(undoes, OPERATOR, "the test says so", watcher=stands)
        else:
            ask = Ask(capability_id(capability), OPERATOR, json.loads(intent), "the test says so")
            report = await house.kernel.act(ask, stands)
    print(report.outcome.value)


asyncio.run(main(*sys.argv[1:]))
