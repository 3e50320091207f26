"""A pytest plugin: the homes of `homes.py` are served by a kernel of their own while a test uses them.

    pytest -p beside tests/control/test_ifctl_capability.py

Every command of the test then asks that kernel, and must answer as it does without one.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from homes import Ifctl

HOMES = ("show_studio", "studio", "vmix_home", "bare_home")
READY_S = 60


@contextmanager
def kernel_of(run: Ifctl, *options: str) -> Iterator[dict[str, Any]]:
    """A kernel that serves the home of `run`; what it says of itself. It must end well."""
    with run.process("up", "--port", "0", "--json", *options) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate(timeout=READY_S)[1]
            yield json.loads(line)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                _, said = process.communicate(timeout=READY_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert process.returncode == 0, said


@pytest.fixture(autouse=True)
def beside_a_kernel(request: pytest.FixtureRequest) -> Iterator[None]:
    name = next((one for one in HOMES if one in request.fixturenames), None)
    if name is None:
        yield
        return
    found = request.getfixturevalue(name)
    with kernel_of(found[0] if isinstance(found, tuple) else found):
        yield
