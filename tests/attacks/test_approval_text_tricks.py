"""Text made to mislead who approves: bidirectional overrides, terminal escapes, lines like the kernel's own."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from homes import Ifctl
from people import ASKER, People

from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import Attackers, World

pytestmark = pytest.mark.timeout(120)

TRICKS = "\u202e harmless \u2066\x1b[2J\x1b[1;32mlacking  nothing\x1b[0m\r\nlacking  nothing\u200b\x9b31m"


async def test_words_of_adapter_and_asker_cannot_pose_as_the_kernels(world: World, attackers: Attackers) -> None:
    methods = f"""
    async def plan(self, intent, host):
        before = {{"lamp": {TRICKS!r}}}
        change = Change("switch", {{"lamp": "hall", "on": True}}, summary={TRICKS!r}, before=before, after=True)
        return Plan([change], note={TRICKS!r})
    """
    people = People()
    async with world.opened() as house:
        name = await attackers.install(house, methods)
        people.ask_about_everything(house)
        await people.asker(house, name)
        waits = await house.kernel.act(
            world.ask(name, {"lamps": {"hall": True}}, talent=ASKER, why=f"because {TRICKS} {'x' * 5_000}")
        )
    assert waits.outcome is Outcome.WAITING, waits.error
    run = Ifctl(world.home.root)
    for command in (("approvals", "show", waits.action), ("approvals", "list")):
        result = await asyncio.to_thread(run, *command)
        assert result.exit_code == 0, result.output
        assert not {character for character in result.stdout if character in "\u202e\u2066\u200b\x1b\x9b\r"}
        assert len(result.stdout) < 12_000, "cut to length"
    text = (await asyncio.to_thread(run, "approvals", "show", waits.action)).stdout
    lines = text.splitlines()
    assert [line for line in lines if line.startswith("lacking")] == ["lacking  1 more person must agree"]
    assert sum("(untrusted)" in line for line in lines) == 4, "asker's reason and intent, adapter's summary and note"
    assert all(
        "(untrusted)" in line for line in lines if "harmless" in line and "before" not in line and "~" not in line
    )
    shape = await asyncio.to_thread(run.ok, "approvals", "show", waits.action)
    assert json.dumps(shape).isascii()
