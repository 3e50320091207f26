"""An OBS that answers with 50 MB: the message is not read, and the next request is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from obs_double import ObsDouble, ObsRig


async def test_an_answer_of_fifty_megabytes(obs_rig: ObsRig, obs_double: ObsDouble) -> None:
    async def huge(double: ObsDouble, connection: Any, request: Any) -> bool:
        if obs_double.connections == 1:
            await double.answer(connection, request, 100, {"scenes": "x" * 50_000_000})
        return bool(obs_double.connections == 1)

    obs_double.misbehave = huge
    with pytest.raises(FabricError) as caught:
        await obs_rig.perform("scenes")
    assert caught.value.code is Code.ANSWER_TOO_LARGE
    assert (await obs_rig.perform("scenes")).ok
    assert obs_double.connections == 2
