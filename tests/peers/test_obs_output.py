"""obs.output through the whole kernel on a real OBS: a file that grows, a stream that nginx receives."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from obs_peer import ObsHouse

    from infrafabric.adapters.obs.tests.obs_studio import ObsStudio

RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
NGINX = """
load_module {module};
daemon off; master_process off; worker_processes 1;
pid {folder}/nginx.pid; error_log {folder}/error.log info;
events {{}}
rtmp {{ server {{
  listen 127.0.0.1:{port};
  application live {{ live on; record all; record_path {folder}/received; }}
}} }}
"""


class Sink:
    """An RTMP server that keeps what it receives."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    @property
    def received(self) -> int:
        """Bytes received so far."""
        return sum(file.stat().st_size for file in (self.folder / "received").iterdir())


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    if shutil.which("nginx") is None or not RTMP_MODULE.exists():
        pytest.skip("nginx with its rtmp module is not installed: tests/peers/install-obs.sh")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    received = tmp_path / "received"
    received.mkdir()
    if os.geteuid() == 0:  # its worker is then another user
        for folder in (received, *tmp_path.parents):
            if folder.owner() == "root" and folder.is_relative_to(tmp_path.parents[2]):
                folder.chmod(0o755 if folder != received else 0o777)
    (tmp_path / "nginx.conf").write_text(NGINX.format(module=RTMP_MODULE, folder=tmp_path, port=port))
    server = subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "error.log").read_text()
                time.sleep(0.02)
        yield Sink(tmp_path, port)
    finally:
        server.terminate()
        server.wait(10)


def service(obs: ObsStudio, port: int) -> None:
    settings = {"server": f"rtmp://127.0.0.1:{port}/live", "key": "tests"}
    obs.call("SetStreamServiceSettings", streamServiceType="rtmp_custom", streamServiceSettings=settings)


async def test_a_recording_is_a_file_that_grows_and_is_closed(obs_house: ObsHouse, obs: ObsStudio) -> None:
    there = set(obs.recordings.iterdir())
    started = await obs_house.act("output", recording=True)
    assert started.outcome is Outcome.CONVERGED
    assert obs.call("GetRecordStatus")["outputActive"]
    obs.until(lambda: set(obs.recordings.iterdir()) - there)  # it is made with the first packet
    [file] = set(obs.recordings.iterdir()) - there
    obs.until(lambda: file.stat().st_size > 0, 10)
    small = file.stat().st_size
    obs.until(lambda: file.stat().st_size > small, 10)
    again = await obs_house.act("output", recording=True)
    assert again.plan is not None and not again.plan.changes

    stopped = await obs_house.act("output", recording=False)
    assert stopped.outcome is Outcome.CONVERGED
    assert not obs.call("GetRecordStatus")["outputActive"]  # two seconds after OBS took the request
    size = file.stat().st_size
    await asyncio.sleep(0.3)
    assert file.stat().st_size == size
    assert {"recording-stops"} <= set(stopped.hazards)
    with pytest.raises(FabricError) as caught:
        await obs_house.undo(stopped)
    assert caught.value.code is Code.UNDO_IMPOSSIBLE


async def test_undoing_a_start_stops_it(obs_house: ObsHouse, obs: ObsStudio) -> None:
    report = await obs_house.act("output", recording=True, replay_buffer=True)
    assert report.outcome is Outcome.CONVERGED
    assert obs.call("GetReplayBufferStatus")["outputActive"]
    assert (await obs_house.undo(report)).outcome is Outcome.UNDONE
    assert not obs.call("GetRecordStatus")["outputActive"]
    assert not obs.call("GetReplayBufferStatus")["outputActive"]


async def test_a_stream_arrives_at_its_server_and_ends(obs_house: ObsHouse, obs: ObsStudio, sink: Sink) -> None:
    service(obs, sink.port)
    started = await obs_house.act("output", streaming=True)
    assert started.outcome is Outcome.CONVERGED
    obs.until(lambda: sink.received > 5_000, 15)
    stopped = await obs_house.act("output", streaming=False)
    assert stopped.outcome is Outcome.CONVERGED
    assert not obs.call("GetStreamStatus")["outputActive"]


async def test_a_stream_to_nobody_is_no_success(obs_house: ObsHouse, obs: ObsStudio) -> None:
    """OBS takes the request, and gives up when nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        service(obs, nobody.getsockname()[1])
        report = await obs_house.act("output", streaming=True)
    assert report.outcome is Outcome.FAILED and report.error is not None
    assert report.error.code is Code.NOT_CONVERGED


async def test_a_virtual_camera_that_is_not_there_is_refused(obs_house: ObsHouse, obs: ObsStudio) -> None:
    if obs.ask("GetVirtualCamStatus")[0]:
        pytest.skip("this machine has a virtual camera")
    report = await obs_house.act("output", virtual_camera=True)
    assert report.outcome is Outcome.REFUSED and report.error is not None
    assert report.error.code is Code.ADAPTER_REFUSED
    assert "no virtual camera" in report.error.message
