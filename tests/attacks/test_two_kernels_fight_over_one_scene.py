"""Attack: two kernels, each told to keep another scene on program of one vMix. It must not flap for ever."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.operator import OPERATOR
from infrafabric.control.steps import Step, Steps
from infrafabric.control.watched import Event, News, Pace, State
from infrafabric.control.watching import Watch
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.keys.passphrase import Passphrase

PACE = Pace(every_s=0.05, most_applies=3, window_s=60, longest_s=0.2, least_s=0.01)


async def test_it_ends_with_one_that_gives_way(vmix_home: Ifctl, tmp_path: Path) -> None:
    events: dict[str, list[Event]] = {"Intro": [], "Guest": []}

    def keeping(house: House, scene: str) -> Watch:
        step = {"capability": "vmix.switcher", "intent": {"scene": scene}}

        def tell(_: Step, event: Event) -> None:
            events[scene].append(event)

        steps = Steps.model_validate({"steps": [step]}).steps
        return Watch(house, steps, OPERATOR, f"{scene} is wanted", new_trace_id(), PACE, tell, True)

    async with VmixSimulator() as vmix:
        port = f"VMIX_PORT={vmix.port}"
        await asyncio.to_thread(vmix_home.ok, "target", "set", "vmix@studio-a", port, "--why", "a test")
        other = tmp_path / "another kernel"
        shutil.copytree(vmix_home.home, other, symlinks=True)
        async with (
            open_house(Home.open(vmix_home.home), "acting", passphrase=Passphrase(environ={})) as one,
            open_house(Home.open(other), "acting", passphrase=Passphrase(environ={})) as another,
        ):
            watches = keeping(one, "Intro"), keeping(another, "Guest")
            runs = asyncio.gather(*(watch.run() for watch in watches))
            async with asyncio.timeout(50):
                while all(watch.watched[0].applying for watch in watches):
                    await asyncio.sleep(0.05)
                at_most = len(vmix.writes()) + PACE.most_applies
                # Whoever still applies wins, and nothing moves any more.
                while not any(watch.watched[0].state is State.IN_SYNC for watch in watches):
                    await asyncio.sleep(0.05)
            for watch in watches:
                watch.stop()
            await runs
        assert len(vmix.writes()) <= min(at_most, 2 * PACE.most_applies)
    told = [event.news for told in events.values() for event in told]
    assert News.FIGHTING in told
    # What was said to be applied was seen so: converged is never said of a scene that another hand took at once.
    for event in (event for told in events.values() for event in told):
        assert event.news is not News.APPLIED or event.report.outcome.value == "converged"
