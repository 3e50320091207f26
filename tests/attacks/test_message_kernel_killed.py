"""kill -9 between admissions: whatever was answered is never admitted again, and whatever was not is admitted once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from envelopes import SENDER
from messaging import Messaging, messaging_on
from world import World

from infrafabric.kernel.errors import Code, FabricError

COUNT = 120
PROCESS = Path(__file__).parent.parent / "support" / "message_process.py"


def killed_after(world: World, file: Path, answers: int) -> set[int]:
    """Numbers of the messages that were answered before the kernel died."""
    answered: set[int] = set()
    command = [sys.executable, str(PROCESS), str(world.home.root), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(answers):
            line = process.stdout.readline()
            if line == "all\n":
                break
            answered.add(int(line.split()[0]))
        process.kill()
        whole = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        answered |= {int(line.split()[0]) for line in whole if line != "all\n"}
    return answered


@pytest.mark.parametrize("answers", [1, 40, COUNT + 1])
async def test_no_replay_window_after_a_kill(world: World, tmp_path: Path, answers: int) -> None:
    async with messaging_on(world) as before:
        frames = [before.made(seq) for seq in range(1, COUNT + 1)]
        key = before.keys[SENDER]
    file = tmp_path / "frames"
    file.write_bytes(b"\n".join(frames))
    answered = killed_after(world, file, answers)
    assert len(answered) >= min(answers, COUNT)
    async with world.opened("acting") as house:
        again = Messaging(house, {SENDER: key})
        admitted = {body["seq"] for body in again.entries("message.admitted")}
        assert answered <= admitted, "a message was answered that is not in the log"
        for seq, data in enumerate(frames, 1):
            try:
                await house.messages.take(data, "local")
            except FabricError as error:
                assert seq in admitted
                assert error.code is Code.MESSAGE_REPLAYED
            else:
                assert seq not in admitted
        numbers = [body["seq"] for body in again.entries("message.admitted")]
        assert numbers == list(range(1, COUNT + 1))
        assert (await house.log.audit_all()).problem == ""
