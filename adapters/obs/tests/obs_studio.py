"""A real OBS Studio on a display of its own, for tests: started, set up, looked at and ended here.

OBS is looked at by obs-websocket-py, a client that shares no code with the driver. `peer()` is what conformance.yaml
names: all cases share one OBS, which is put back to where it began before each. obs-websocket listens on all interfaces
and cannot be told otherwise, so each start has a password of its own.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from obswebsocket import base_classes, exceptions, obsws

from infrafabric.adapters.obs.tests.stuck_muxers import end_stuck_muxers

__all__ = ["ObsStudio", "missing", "peer", "shared"]

START_S = 30.0
SCENES = ("Intro", "Main", "Outro")
TITLE = {"text": "Good evening"}
RED = {"color": 0xFF0000FF, "width": 320, "height": 180}
PROFILE = """[General]
Name=tests
[Video]
BaseCX=320
BaseCY=180
OutputCX=320
OutputCY=180
FPSType=0
FPSCommon={fps}
[Output]
Mode=Simple
[SimpleOutput]
FilePath={recordings}
RecFormat=ts
RecQuality=Stream
StreamEncoder=x264
VBitrate=300
RecRB=true
RecRBTime=5
RecRBSize=32
"""
GLOBAL = """[General]
FirstRun=true
LastVersion=486539266
EnableAutoUpdates=false
[Basic]
Profile=tests
ProfileDir=tests
SceneCollection=tests
SceneCollectionFile=tests
[BasicWindow]
WarnBeforeStoppingRecord=false
[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort={port}
AlertsEnabled=false
AuthRequired=true
ServerPassword={password}
"""


def missing() -> str:
    """Which program this needs and this machine lacks; "" where all are there."""
    for program in ("obs", "Xvfb"):
        if shutil.which(program) is None:
            return f"{program} is not installed: tests/peers/install-obs.sh"
    return ""


class ObsStudio:
    """One OBS. `with ObsStudio(folder) as obs:` runs it with the scenes Intro, Main and Outro; Intro is on program.

    Title (text) is in Intro and Main, Red (a colour) and Music (a media source, with audio) in Main.
    """

    def __init__(self, folder: Path, fps: int = 10) -> None:
        """`fps`: frames a second, one that OBS's settings offer: 10, 20, 30, 60."""
        self.folder = folder
        self._fps = fps
        self.port = _free_port()
        self.password = secrets.token_urlsafe(24)
        self.recordings = folder / "recordings"
        self._display: subprocess.Popen[bytes] | None = None
        self._number = ""
        self._obs: subprocess.Popen[bytes] | None = None
        self._observer: obsws | None = None
        self._still = threading.Event()
        self._muxers: threading.Thread | None = None

    # --- what a target is given
    @property
    def settings(self) -> Mapping[str, str]:
        return {"OBS_HOST": "127.0.0.1", "OBS_PORT": str(self.port)}

    @property
    def secrets(self) -> Mapping[str, str]:
        return {"OBS_PASSWORD": self.password}

    # --- life
    def __enter__(self) -> ObsStudio:
        config = self.folder / "home" / ".config" / "obs-studio"
        (config / "basic" / "profiles" / "tests").mkdir(parents=True)
        (config / "basic" / "profiles" / "tests" / "basic.ini").write_text(
            PROFILE.format(recordings=self.recordings, fps=self._fps)
        )
        (config / "global.ini").write_text(GLOBAL.format(port=self.port, password=self.password))
        self.recordings.mkdir()
        (self.folder / "run").mkdir(mode=0o700)
        self._display, self._number = _display(self.folder / "xvfb.log")
        try:
            self.start()
            self._furnish()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()
        if self._display is not None:
            self._display.terminate()
            self._display.wait(10)

    def start(self) -> None:
        """Start OBS and wait until its WebSocket server lets us in."""
        home = self.folder / "home"
        environment = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"), "DISPLAY": self._number, "QT_QPA_PLATFORM": "xcb",
            "LIBGL_ALWAYS_SOFTWARE": "1", "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        }  # fmt: skip
        with (self.folder / "obs.log").open("ab") as log:
            self._obs = running = subprocess.Popen(
                ["obs", "--multi", "--minimize-to-tray", "--disable-updater", "--disable-missing-files-check"],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._muxers = threading.Thread(target=end_stuck_muxers, args=(running,), daemon=True)
        self._muxers.start()
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.call("GetVersion")
                return
            except (OSError, exceptions.ConnectionFailure):
                if time.monotonic() > deadline or self._obs.poll() is not None:
                    tail = (self.folder / "obs.log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"OBS did not start: {tail}") from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End OBS; by SIGKILL it has no time to save or to take leave."""
        self._forget_observer()
        if self._obs is not None and self._obs.poll() is None:
            self._obs.send_signal(how)
            try:
                self._obs.wait(10)
            except subprocess.TimeoutExpired:
                self._obs.kill()
                self._obs.wait(10)
        if self._muxers is not None:
            self._muxers.join(10)
        self._obs = None
        self._still.clear()

    def revive(self) -> None:
        """Start OBS again where it does not run."""
        if self._obs is None or self._obs.poll() is not None:
            self.stop()
            self.start()

    def freeze(self) -> None:
        """OBS stands still: its connections stay, and nothing answers."""
        assert self._obs is not None
        self._obs.send_signal(signal.SIGSTOP)
        self._still.set()

    def thaw(self) -> None:
        assert self._obs is not None
        self._obs.send_signal(signal.SIGCONT)
        self._still.clear()

    def until_frozen(self) -> None:
        """Wait until someone has called `freeze`."""
        assert self._still.wait(10)

    # --- the observer
    def ask(self, request: str, /, **data: Any) -> tuple[bool, dict[str, Any]]:
        """Whether OBS said yes, and what it answered."""
        if self._observer is None:
            observer = obsws("127.0.0.1", self.port, self.password, legacy=False, timeout=10)
            observer.connect()
            self._observer = observer
        asked = base_classes.Baserequests(**data)
        asked.name = request
        answered = self._observer.call(asked)
        return bool(answered.status), dict(answered.datain or {})

    def call(self, request: str, /, **data: Any) -> dict[str, Any]:
        """What OBS answered; it must say yes."""
        ok, answer = self.ask(request, **data)
        assert ok, f"{request} {data}: {answer}"
        return answer

    @property
    def program(self) -> str:
        return str(self.call("GetCurrentProgramScene")["currentProgramSceneName"])

    def on_air(self) -> set[str]:
        """The scenes whose picture is in the program, whatever OBS calls its program scene."""
        scenes = [scene["sceneName"] for scene in self.call("GetSceneList")["scenes"]]
        seen = {name: self.ask("GetSourceActive", sourceName=name) for name in scenes}
        # OBS lists a scene for a moment after it was removed, and knows nothing of it any more.
        return {name for name, (ok, answer) in seen.items() if ok and answer["videoActive"]}

    def until(self, seen: Any, within_s: float = 5.0) -> None:
        """Wait until `seen()` is true. Fails after `within_s`."""
        deadline = time.monotonic() + within_s
        while not seen():
            assert time.monotonic() < deadline, f"not within {within_s:g} s; OBS shows {self.snapshot()}"
            time.sleep(0.02)

    def snapshot(self) -> Any:
        """What adapters can move, as JSON."""
        listed = self.call("GetSceneList")
        scenes = sorted(scene["sceneName"] for scene in listed["scenes"])
        transition = self.call("GetCurrentSceneTransition")
        outputs = {name: self.ask(f"Get{name}Status")[1].get("outputActive") for name in OUTPUTS}
        return {
            "program": listed["currentProgramSceneName"],
            "preview": listed["currentPreviewSceneName"],
            "on_air": sorted(self.on_air()),
            "in_transition": self.call("GetCurrentSceneTransitionCursor")["transitionCursor"] < 1.0,
            "transition": [transition["transitionName"], transition["transitionDuration"]],
            "overrides": {name: self.call("GetSceneSceneTransitionOverride", sceneName=name) for name in scenes},
            "items": {name: self._items(name) for name in scenes},
            "inputs": {item["inputName"]: self._input(item) for item in self.call("GetInputList")["inputs"]},
            "outputs": outputs,
        }

    def writes(self) -> Sequence[object]:
        """OBS does not tell what it was asked for."""
        return ()

    def reset(self) -> None:
        """Put everything back to where it began."""
        for name in OUTPUTS:
            if self.ask(f"Get{name}Status")[1].get("outputActive"):
                self.ask(f"Stop{name}")
                self.until(lambda name=name: not self.ask(f"Get{name}Status")[1].get("outputActive"), 15)
        if self.call("GetStudioModeEnabled")["studioModeEnabled"]:
            self.until(lambda: self.call("GetCurrentSceneTransitionCursor")["transitionCursor"] == 1.0)
            self.call("SetStudioModeEnabled", studioModeEnabled=False)
        for scene in [scene["sceneName"] for scene in self.call("GetSceneList")["scenes"]]:
            self.call("SetSceneSceneTransitionOverride", sceneName=scene, transitionName=None, transitionDuration=None)
            if scene not in SCENES:
                self.call("RemoveScene", sceneName=scene)
        self.call("SetCurrentSceneTransition", transitionName="Fade")
        self.call("SetCurrentSceneTransitionDuration", transitionDuration=50)
        if self.on_air() != {"Intro"}:
            # Where a transition was exchanged in its course, OBS shows two scenes until a fade to a third one.
            for scene in ("Intro",) if self.on_air() == {self.program} else ("Outro", "Main", "Intro"):
                self.call("SetCurrentProgramScene", sceneName=scene)
                self.until(lambda: not self.snapshot()["in_transition"])
            self.until(lambda: self.on_air() == {"Intro"})
        self.call("SetCurrentSceneTransitionDuration", transitionDuration=300)
        self.call("SetInputSettings", inputName="Title", inputSettings=TITLE, overlay=False)
        self.call("SetInputSettings", inputName="Red", inputSettings=RED, overlay=False)
        self.call("SetInputSettings", inputName="Music", inputSettings={}, overlay=False)
        self.call("SetInputMute", inputName="Music", inputMuted=False)
        self.call("SetInputVolume", inputName="Music", inputVolumeMul=1.0)
        for scene in SCENES:
            for item in self.call("GetSceneItemList", sceneName=scene)["sceneItems"]:
                if not item["sceneItemEnabled"]:
                    self.call(
                        "SetSceneItemEnabled", sceneName=scene, sceneItemId=item["sceneItemId"], sceneItemEnabled=True
                    )
        self.until(lambda: not self.snapshot()["in_transition"])

    def _items(self, scene: str) -> list[Any]:
        items = self.call("GetSceneItemList", sceneName=scene)["sceneItems"]
        return [[item["sceneItemId"], item["sourceName"], item["sceneItemEnabled"]] for item in items]

    def _input(self, item: Mapping[str, Any]) -> list[Any]:
        given = self.call("GetInputSettings", inputName=item["inputName"])["inputSettings"] or {}
        defaults = self.call("GetInputDefaultSettings", inputKind=item["inputKind"])["defaultInputSettings"] or {}
        settings = {name: _merged(defaults.get(name), given.get(name)) for name in {**defaults, **given}}
        muted = self.ask("GetInputMute", inputName=item["inputName"])[1].get("inputMuted")
        volume = self.ask("GetInputVolume", inputName=item["inputName"])[1].get("inputVolumeMul")
        return [settings, muted, volume]

    def _furnish(self) -> None:
        there = [scene["sceneName"] for scene in self.call("GetSceneList")["scenes"]]
        for scene in reversed(SCENES):
            self.call("CreateScene", sceneName=scene)
        for scene, name, kind, settings in (
            ("Main", "Red", "color_source_v3", RED),
            ("Main", "Title", "text_ft2_source_v2", TITLE),
            ("Main", "Music", "ffmpeg_source", {}),
        ):
            self.call("CreateInput", sceneName=scene, inputName=name, inputKind=kind, inputSettings=settings)
        self.call("CreateSceneItem", sceneName="Intro", sourceName="Title")
        self.call("SetCurrentSceneTransition", transitionName="Cut")
        self.call("SetCurrentProgramScene", sceneName="Intro")
        for scene in there:
            self.call("RemoveScene", sceneName=scene)
        self.reset()

    def _forget_observer(self) -> None:
        """Drop the observer's connection. A polite leave would wait for an OBS that may stand still."""
        observer, self._observer = self._observer, None
        if observer is None:
            return
        listening = observer.thread_recv
        if listening is not None:
            listening.running = False
        with suppress(OSError):  # the other end may be gone already
            observer.ws.sock.shutdown(socket.SHUT_RDWR)
        if listening is not None:
            listening.join(5)
        observer.ws.shutdown()


def _merged(default: Any, given: Any) -> Any:
    if isinstance(default, dict) and isinstance(given, dict):
        return {name: _merged(default.get(name), given.get(name)) for name in {**default, **given}}
    return default if given is None else given


OUTPUTS = ("Stream", "Record", "ReplayBuffer", "VirtualCam")

_running: list[ObsStudio] = []


@contextmanager
def shared(studio: ObsStudio) -> Iterator[None]:
    """Let `peer()` give this one meanwhile."""
    _running.insert(0, studio)
    try:
        yield
    finally:
        _running.remove(studio)


@asynccontextmanager
async def peer() -> AsyncIterator[ObsStudio]:
    """The OBS of this process, where it began; started when it is first asked for, and ended with the process."""
    if not _running:
        if why := missing():
            raise RuntimeError(why)
        folder = Path(tempfile.mkdtemp(prefix="obs-studio-"))
        try:
            obs = ObsStudio(folder).__enter__()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _running.append(obs)
        atexit.register(_end, obs)
    obs = _running[0]
    obs.revive()
    obs.reset()
    yield obs


def _end(obs: ObsStudio) -> None:
    _running.remove(obs)
    obs.__exit__()
    shutil.rmtree(obs.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _display(log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A display that nobody sees, on a free number."""
    reading, writing = os.pipe()
    try:
        with log.open("wb") as said:
            process = subprocess.Popen(
                ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x600x24", "-nolisten", "tcp"],
                pass_fds=(writing,), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
        os.close(writing)
        said_so = b""
        while not said_so.endswith(b"\n") and (more := os.read(reading, 16)):  # it writes in pieces
            said_so += more
        number = said_so.strip().decode()
    finally:
        os.close(reading)
    if not number:
        process.wait(10)
        raise RuntimeError(f"Xvfb did not start: {log.read_text(errors='replace')[-500:]}")
    return process, f":{number}"
