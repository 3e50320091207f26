"""Do two things, and take back the first where the second is refused."""

import os
import sys

from infrafabric.control.client import Client, RefusedAction

with Client(os.environ["INFRAFABRIC_URL"]) as fabric:
    first = fabric.apply("vmix.switcher", {"scene": "Intro"}, why="show open", idempotency_key="open-1")
    try:
        fabric.apply("vmix.switcher", {"scene": "No such scene"}, why="the guest", idempotency_key="open-2")
    except RefusedAction as refused:
        print(f"{refused.code.value}: {refused.message}")
        print(fabric.undo(first, why="the second step was refused").outcome)
        sys.exit(0)
    sys.exit("nothing was refused")
