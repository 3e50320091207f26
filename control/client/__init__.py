"""The Python client: plan, review, apply, wait for people, and keep receipts that were verified on this side.

    from infrafabric.control.client import Client

    with Client("http://127.0.0.1:8400", key=KEY, vkeys=[VKEY]) as fabric:
        plan = fabric.plan("vmix.switcher", {"scene": "Intro"}, why="show open")
        print(plan.review())
        done = fabric.apply(plan)

`AsyncClient` has the same methods, to be awaited.
"""

from infrafabric.control.client.answers import Action, Change, Plan
from infrafabric.control.client.asynchronous import AsyncClient
from infrafabric.control.client.calls import RefusedAction
from infrafabric.control.client.events import Event
from infrafabric.control.client.sync import Client

__all__ = ["Action", "AsyncClient", "Change", "Client", "Event", "Plan", "RefusedAction"]
