"""Homes for tests of the doors: one made and furnished a session, a copy for each test, and ifctl on it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.ifctl import ifctl as root_command

VMIX = Path(__file__).parents[2] / "adapters" / "vmix"


@dataclass(frozen=True, slots=True)
class Ifctl:
    """ifctl on one home."""

    home: Path

    def __call__(self, *args: str, stdin: str | bytes | None = None, **environment: str) -> Result:
        """Run a command in this process."""
        env = {"INFRAFABRIC_HOME": str(self.home), "COLUMNS": "200", "TRACEPARENT": None, **environment}
        return CliRunner().invoke(root_command, list(args), input=stdin, env=env, prog_name="ifctl")

    def ok(self, *args: str, stdin: str | bytes | None = None) -> Any:
        """The JSON answer of a command that must succeed."""
        result = self(*args, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def refused(self, *args: str, stdin: str | bytes | None = None) -> tuple[int, str, str]:
        """Exit status, code and message of a command that must be refused."""
        result = self(*args, "--json", stdin=stdin)
        assert result.exit_code != 0, result.output
        error = json.loads(result.stdout)["error"]
        assert set(error) >= {"code", "message", "remedy"}
        return result.exit_code, error["code"], error["message"]

    def process(self, *args: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "infrafabric.control.ifctl", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "INFRAFABRIC_HOME": str(self.home), **environment},
        )


@pytest.fixture(scope="session")
def bare_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh development home. Never used itself."""
    home = tmp_path_factory.mktemp("bare") / "home"
    Ifctl(home).ok("init", "--development", "--origin", "example.org/test")
    return home


@pytest.fixture(scope="session")
def furnished_template(bare_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the vMix switcher allowed, a target, and the operator granted it. Never used itself."""
    folder = tmp_path_factory.mktemp("furnished")
    run = Ifctl(_copied(bare_template, folder / "home"))
    run.ok("trust", "publisher", "acme", "--key", "own", "--pattern", "vmix.*", "--why", "a test")
    run.ok("adapter", "sign", str(VMIX), "--manifest", "switcher.yaml", "--out", str(folder / "bundle"))
    run.ok("adapter", "install", str(folder / "bundle"))
    run.ok("trust", "allow", "vmix.switcher@1.2.0", "--why", "a test")
    settings = ("VMIX_HOST=127.0.0.1", "VMIX_PORT=1", "--allow-address", "loopback")
    run.ok("target", "add", "vmix@studio-a", *settings, "--why", "a test")
    run.ok("talent", "grant", "--name", "operator", "--capability", "vmix.switcher", "--why", "a test")
    return run.home


@pytest.fixture(scope="session")
def show_template(furnished_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The furnished home with all that vMix can do. Never used itself."""
    folder = tmp_path_factory.mktemp("show")
    run = Ifctl(_copied(furnished_template, folder / "home"))
    for name in ("audio", "output", "overlay"):
        bundle = str(folder / name)
        signed = run.ok("adapter", "sign", str(VMIX), "--manifest", f"{name}.yaml", "--out", bundle)
        run.ok("adapter", "install", bundle)
        run.ok("trust", "allow", f"vmix.{name}@{signed['version']}", "--why", "a test")
        run.ok("talent", "grant", "--name", "operator", "--capability", f"vmix.{name}", "--why", "a test")
    return run.home


@pytest.fixture
def bare_home(bare_template: Path, tmp_path: Path) -> Ifctl:
    """ifctl on a fresh development home."""
    return Ifctl(_copied(bare_template, tmp_path / "home"))


@pytest.fixture
def vmix_home(furnished_template: Path, tmp_path: Path) -> Ifctl:
    """ifctl on a home that has a capability, a target and a grant."""
    return Ifctl(_copied(furnished_template, tmp_path / "home"))


@pytest.fixture
def studio(vmix_home: Ifctl, simulator: VmixSimulator) -> tuple[Ifctl, VmixSimulator]:
    """The same, its target a running simulator."""
    vmix_home.ok("target", "set", "vmix@studio-a", f"VMIX_PORT={simulator.port}", "--why", "a test")
    return vmix_home, simulator


@pytest.fixture
def show_studio(show_template: Path, tmp_path: Path, simulator: VmixSimulator) -> tuple[Ifctl, VmixSimulator]:
    """A running simulator, and a home that may do all that vMix can."""
    run = Ifctl(_copied(show_template, tmp_path / "home"))
    run.ok("target", "set", "vmix@studio-a", f"VMIX_PORT={simulator.port}", "--why", "a test")
    return run, simulator


@pytest.fixture
def simulator() -> Iterator[VmixSimulator]:
    """A simulated vMix in a thread of its own: ifctl brings its own event loop."""
    vmix = VmixSimulator()
    with _serving(vmix):
        yield vmix


def _copied(template: Path, place: Path) -> Path:
    """A copy of a home that shares its compiled components."""
    shutil.copytree(template, place, ignore=shutil.ignore_patterns("cache", "components"))
    (place / "cache").symlink_to((template / "cache").resolve())
    return place


@contextmanager
def _serving(vmix: VmixSimulator) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with vmix:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
