"""A real Home Assistant on loopback for tests and for `ifctl adapter check`: standard library only.

It is installed by tests/peers/install-homeassistant.sh, keeps its own folder and port, and is stopped with whoever
started it. `peer()` is what conformance.yaml names: a few that are put back to their beginnings for every case.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATION = ROOT / "tests" / "peers" / "homeassistant"
LAMPS = 100
START_S = 45.0
MOVING = frozenset(
    {"last_triggered", "media_position", "media_position_updated_at", "entity_picture", "current_temperature"}
)
"""Attributes that move by themselves, or are told anew with every start."""
ACTED_ON = (
    "light", "switch", "input_boolean", "input_number", "input_select", "input_text", "input_datetime", "cover", "lock",
    "climate", "media_player", "fan", "alarm_control_panel",
)  # fmt: skip


def installed() -> Path | None:
    """The folder that the install script filled, if it did."""
    folder = Path(os.environ.get("PEERS_DIR", ROOT / ".peers")) / "homeassistant"
    return folder if (folder / "venv" / "bin" / "hass").exists() else None


class HomeAssistant:
    """One Home Assistant with a folder of its own. `start` again after `stop` is the same house.

    With `certificate` (a PEM file with the key in it) it speaks TLS alone.
    """

    def __init__(self, folder: Path, port: int | None = None, *, certificate: Path | None = None) -> None:
        place = installed()
        if place is None:
            raise RuntimeError("Home Assistant is not installed: run tests/peers/install-homeassistant.sh")
        self._bin = place / "venv" / "bin"
        self.folder = folder
        self.port = port or _free_port()
        self.base = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._certificate = certificate
        self._tls = ssl._create_unverified_context() if certificate else None  # noqa: S323  a test's own, on loopback
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._entry = ""
        self._initial: dict[str, dict[str, Any]] = {}

    @property
    def settings(self) -> Mapping[str, str]:
        return {"HASS_HOST": "127.0.0.1", "HASS_PORT": str(self.port)}

    @property
    def secrets(self) -> Mapping[str, str]:
        return {"HASS_TOKEN": self.token}

    def start(self) -> None:
        """Start it and wait until it is running; the first time, make its owner and a token."""
        fresh = not (self.folder / "configuration.yaml").exists()
        if fresh:
            (self.folder / "packages").mkdir(parents=True, exist_ok=True)
            (self.folder / "packages" / "lamps.yaml").write_text(lamps(), "utf-8")
            given = (CONFIGURATION / "configuration.yaml").read_text("utf-8")
            if self._certificate is not None:
                named = f"http:\n  ssl_certificate: {self._certificate}\n  ssl_key: {self._certificate}\n"
                given = given.replace("http:\n", named, 1)
            (self.folder / "configuration.yaml").write_text(given, "utf-8")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PEER_PORT": str(self.port)}
        log = (self.folder / "stdout.log").open("ab")
        command = [
            str(self._bin / "hass"),
            "-c",
            str(self.folder),
            "--skip-pip",
            "--log-file",
            str(self.folder / "hass.log"),
        ]
        self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        log.close()
        atexit.register(self.stop)
        self._until(self._answers)
        if fresh:
            self.token = self._say("onboard")
        self._until(self.runs)
        if fresh:
            self.tidy()
            self._initial = self.snapshot()

    def stop(self, *, hard: bool = False) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        os.killpg(process.pid, signal.SIGKILL if hard else signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        atexit.unregister(self.stop)

    def runs(self) -> bool:
        """Whether it has loaded everything, the last of the lamps too."""
        try:
            state = self.rest("GET", "/api/config")["state"]
            self.rest("GET", f"/api/states/light.lamp_{LAMPS:03}")
        except OSError:
            return False
        return bool(state == "RUNNING")

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """One request with the token. Raises OSError, urllib's HTTPError being one, for what is not 2xx."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=15, context=self._tls) as answer:  # noqa: S310
            return json.loads(answer.read())

    def call(self, service: str, **data: Any) -> None:
        """Call a service, `light.turn_on`, as another hand would."""
        domain, _, name = service.partition(".")
        self.rest("POST", f"/api/services/{domain}/{name}", data)

    def say(self, *messages: Mapping[str, Any]) -> list[Any]:
        """Say messages over the websocket; their replies."""
        return list(json.loads(self._say("messages", {"token": self.token, "messages": messages})))

    def state(self, entity_id: str) -> dict[str, Any]:
        return dict(self.rest("GET", f"/api/states/{entity_id}"))

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """What can be acted on: state and attributes, without what moves by itself."""
        return {
            state["entity_id"]: {
                "state": state["state"],
                "attributes": {name: value for name, value in state["attributes"].items() if name not in MOVING},
            }
            for state in self.rest("GET", "/api/states")
            if state["entity_id"].partition(".")[0] in ACTED_ON
        }

    def writes(self) -> Sequence[object]:
        """Nothing: Home Assistant does not tell who called. The driver's own count stands."""
        return ()

    def reset(self) -> None:
        """Put everything back to its beginnings: the demo's devices anew, the helpers to their first values."""
        now = self.snapshot()
        moved = {name for name, state in self._initial.items() if now.get(name) != state}
        demo = [name for name in moved if not name.startswith("input_") and not name.startswith("light.lamp_")]
        if demo:
            self.rest("POST", f"/api/config/config_entries/entry/{self._entry}/reload")
            self.call("alarm_control_panel.alarm_disarm", entity_id="alarm_control_panel.house")
        helpers = {name: self._initial[name]["state"] for name in moved if name.startswith("input_")}
        if helpers:
            self.call("scene.apply", entities=helpers)
        self._until(lambda: self.snapshot() == self._initial)

    def tidy(self) -> None:
        """What a house has beside its configuration: areas, with entities and devices in them."""
        entries = self.rest("GET", "/api/config/config_entries/entry")
        self._entry = next(entry["entry_id"] for entry in entries if entry["domain"] == "demo")
        made = self.say(
            {"type": "config/area_registry/create", "name": "Atelier"},
            {"type": "config/area_registry/create", "name": 'Søren\'s "den" 🛋️'},
        )
        atelier, den = (reply["result"]["area_id"] for reply in made)
        inside = {atelier: ["light.kitchen_lights", "light.ceiling_lights", "switch.ac", "switch.deaf"],
                  den: ["light.bed_light", "input_boolean.flag"]}  # fmt: skip
        self.say(*(
            {"type": "config/entity_registry/update", "entity_id": entity, "area_id": area}
            for area, entities in inside.items() for entity in entities
        ))  # fmt: skip

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.base + "/api/onboarding", timeout=2, context=self._tls):  # noqa: S310
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def _until(self, holds: Any) -> None:
        deadline = time.monotonic() + START_S
        while not holds():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "stdout.log").read_text("utf-8", "replace")[-2000:]
                raise RuntimeError(f"Home Assistant did not get there:\n{said}")
            time.sleep(0.05)

    def _say(self, what: str, given: Any = None) -> str:
        command = [str(self._bin / "python"), str(CONFIGURATION / "say.py"), self.base, what]
        done = subprocess.run(
            command, input=json.dumps(given), stdout=subprocess.PIPE, text=True, timeout=30, check=True
        )
        return done.stdout.strip()


def lamps() -> str:
    """Configuration of a hundred dimmable lamps, each kept in a number from 0 (off) to 255."""
    numbers = ["input_number:"]
    lights = ["light:", "  - platform: template", "    lights:"]
    for number in range(1, LAMPS + 1):
        level = f"input_number.lamp_{number:03}"
        numbers.append(f"  lamp_{number:03}: {{min: 0, max: 255, step: 1, initial: 0}}")
        lights += [
            f"      lamp_{number:03}:",
            f"        unique_id: lamp_{number:03}",
            f"        friendly_name: Lamp {number}",
            f"        value_template: \"{{{{ states('{level}') | int(0) > 0 }}}}\"",
            f"        level_template: \"{{{{ states('{level}') | int(0) }}}}\"",
            f"        turn_on: {{service: input_number.set_value, data: {{entity_id: {level}, value: 255}}}}",
            f"        turn_off: {{service: input_number.set_value, data: {{entity_id: {level}, value: 0}}}}",
            f"        set_level: {{service: input_number.set_value, target: {{entity_id: {level}}},"
            ' data: {value: "{{ brightness }}"}}',
        ]
    return "\n".join([*numbers, *lights, ""])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_idle: list[HomeAssistant] = []


@contextmanager
def lend(house: HomeAssistant) -> Iterator[None]:
    """Let `peer` use a running one meanwhile; it is put back to its beginnings at the end."""
    _idle.append(house)
    try:
        yield
    finally:
        _idle.remove(house)
        house.reset()


@asynccontextmanager
async def peer() -> AsyncIterator[HomeAssistant]:
    """A Home Assistant as it was at its beginning, for one user at a time; they last as long as the process."""
    if _idle:
        house = _idle.pop()
        await asyncio.to_thread(house.reset)
    else:
        folder = Path(tempfile.mkdtemp(prefix="homeassistant-"))
        atexit.register(shutil.rmtree, folder, True)
        house = HomeAssistant(folder)
        await asyncio.to_thread(house.start)
    try:
        yield house
    finally:
        _idle.append(house)
