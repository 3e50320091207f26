"""Put the intro on program: look, then apply exactly what was looked at, and keep the proof."""

import os
from pathlib import Path

from infrafabric.control.client import Client

with Client(os.environ["INFRAFABRIC_URL"]) as fabric:  # INFRAFABRIC_KEY, INFRAFABRIC_VKEY
    plan = fabric.plan("vmix.switcher", {"scene": "Intro"}, why="show open")
    print(plan.review())
    done = fabric.apply(plan, wait_s=300)
    print(done.outcome, done.id)
    if done.receipt is not None:
        Path(f"{done.id}.receipt.json").write_bytes(done.receipt)
