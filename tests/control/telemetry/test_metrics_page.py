"""docs/metrics.md names every metric that there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from served import Served

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


async def test_the_page_names_every_metric(served: Served) -> None:
    await served.house.kernel.act(served.world.lamps(hall=True))
    families = {family.name for family in served.service.metrics.registry.collect()}
    ours = {name for name in families if name.startswith("infrafabric_")}
    assert set(re.findall(r"infrafabric_[a-z_]+", PAGE.read_text())) == ours
