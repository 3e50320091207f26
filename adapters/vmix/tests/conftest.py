"""State documents for the adapters' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrafabric.control.demo.simulator_state import Studio, standard_show
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.registry.manifest import parse_draft

HERE = Path(__file__).resolve().parent


@pytest.fixture
def studio() -> Studio:
    """Camera 1 on program, Camera 2 on preview; nine inputs."""
    return standard_show()


@pytest.fixture
def real_document() -> str:
    """What vMix 27.0.0.81 wrote: inputs 1 and 21, input 1 on program and on preview."""
    return (HERE / "data" / "state-27.0.0.81.xml").read_text("utf-8")


def _manifest(name: str) -> Manifest:
    return parse_draft((HERE.parent / f"{name}.yaml").read_bytes()).manifest


@pytest.fixture
def switcher_manifest() -> Manifest:
    return _manifest("switcher")


@pytest.fixture
def overlay_manifest() -> Manifest:
    return _manifest("overlay")


@pytest.fixture
def audio_manifest() -> Manifest:
    return _manifest("audio")


@pytest.fixture
def output_manifest() -> Manifest:
    return _manifest("output")
