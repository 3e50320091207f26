"""Tells what homeassistant-api, a client that nobody here wrote, sees of a Home Assistant. Runs in a venv of its own.

HASS_TOKEN=… python observe.py BASE ENTITY …      {entity: {"state", "attributes"}} as JSON
"""

import json
import os
import sys

from homeassistant_api import Client

with Client(f"{sys.argv[1]}/api", os.environ["HASS_TOKEN"]) as client:
    states = {name: client.get_state(entity_id=name) for name in sys.argv[2:]}
    json.dump(
        {name: {"state": one.state, "attributes": dict(one.attributes)} for name, one in states.items()}, sys.stdout
    )
