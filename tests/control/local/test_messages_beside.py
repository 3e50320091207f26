"""A message that a command sends beside a running kernel is admitted by that kernel, and by nobody else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from messaging import Messaging

from infrafabric.control.house import House
from infrafabric.kernel.errors import Code, FabricError


async def test_both_doors_lead_to_one_admission(
    kernel: House, beside: Callable[..., AbstractAsyncContextManager[House]]
) -> None:
    messaging = Messaging(kernel)
    await messaging.enrol()
    first, second = messaging.made(1), messaging.made(2)
    steps: list[str] = []
    async with beside() as house:
        answer = await house.send(first, steps.append)
        assert (answer["seq"], answer["gap"]) == (1, 0)
        assert steps == ["form", "sender", "signature", "admitted", "recorded"]
        assert await messaging.refused(first) is Code.MESSAGE_REPLAYED
        await messaging.send(second)
        for data in (first, second):
            with pytest.raises(FabricError) as refused:
                await house.send(data)
            assert refused.value.code is Code.MESSAGE_REPLAYED
    assert [body["seq"] for body in messaging.entries("message.admitted")] == [1, 2]
    assert [body["source"] for body in messaging.entries("message.refused")] == ["192.0.2.7", "local", "local"]
