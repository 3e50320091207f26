"""Undo of each vMix capability through the whole kernel: not over what another hand did at the desk since."""

from __future__ import annotations

from pathlib import Path

import pytest
from homes import VMIX, Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.errors import Code

Studio = tuple[Ifctl, VmixSimulator]


def allow(run: Ifctl, name: str, folder: Path) -> None:
    """Sign, install and allow one more of the capabilities, and grant it to the operator."""
    run.ok("adapter", "sign", str(VMIX), "--manifest", f"{name}.yaml", "--out", str(folder / name))
    version = run.ok("adapter", "install", str(folder / name))["version"]
    run.ok("trust", "allow", f"vmix.{name}@{version}", "--why", "a test")
    run.ok("talent", "grant", "--name", "operator", "--capability", f"vmix.{name}", "--why", "a test")


def undo(run: Ifctl, action: str) -> str:
    """`undone`, or the code of the refusal."""
    result = run("capability", "undo", action, "--why", "a slip", "--json")
    return "undone" if result.exit_code == 0 else str(run.refused("capability", "undo", action, "--why", "a slip")[1])


@pytest.fixture
def mixer(studio: Studio, tmp_path: Path) -> Studio:
    for name in ("overlay", "audio", "output"):
        allow(studio[0], name, tmp_path)
    return studio


def test_a_fader_moved_by_less_than_a_step(mixer: Studio) -> None:
    run, vmix = mixer
    music = vmix.studio.inputs[5]
    action = run.ok("capability", "apply", "vmix.audio", "--input", "Music", "--volume", "40", "--why", "x")["action"]
    music.volume = 40.3
    assert undo(run, action) == Code.UNDO_MOVED.value
    assert music.volume == 40.3
    music.volume, music.muted = 40.0, True  # the mute is none of what the action named
    assert undo(run, action) == "undone"
    assert music.volume == 60.0


def test_an_overlay_that_another_hand_put_on_preview(mixer: Studio) -> None:
    run, vmix = mixer
    channel, third = vmix.studio.overlays[0], vmix.studio.inputs[3]
    channel.shown = third
    act = ("capability", "apply", "vmix.overlay", "--channel", "1", "--input", "null", "--why", "name off")
    action = run.ok(*act)["action"]
    channel.shown, channel.preview = vmix.studio.inputs[4], True
    assert undo(run, action) == Code.UNDO_MOVED.value
    channel.shown, channel.preview = None, False
    assert undo(run, action) == "undone"
    assert channel.shown is third


def test_a_recording_that_another_hand_stopped(mixer: Studio) -> None:
    run, vmix = mixer
    action = run.ok("capability", "apply", "vmix.output", "--recording", "--why", "show starts")["action"]
    since, vmix.studio.recording_since = vmix.studio.recording_since, None
    assert undo(run, action) == Code.UNDO_MOVED.value
    vmix.studio.recording_since = since
    assert undo(run, action) == "undone"
    assert vmix.studio.recording_since is None
