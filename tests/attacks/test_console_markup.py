"""Markup in everything that an adapter, an asker or a device may say: the console shows it as text."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from console_browser import Console
from people import ASKER, People

from infrafabric.kernel.words.names import new_trace_id

pytestmark = pytest.mark.timeout(120)

MARKUP = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
TRICK = "\u202egnp.exe\u2066"
ADAPTER = """
    from infrafabric.adapters.sdk import Adapter, Call, Change, Plan

    SAID = {said!r}

    class Trap(Adapter):
        async def plan(self, intent, host):
            lamps = (await host.read("state")).json()["lamps"]
            if lamps["hall"]:
                return Plan([])
            change = Change(
                "switch", {{"lamp": "hall", "on": True}}, summary=SAID,
                before={{SAID: SAID}}, after={{SAID: SAID + "!"}},
                inverse=Call("switch", {{"lamp": "hall", "on": False}}),
            )
            return Plan([change], note=SAID)
"""
MANIFEST = """
    id: if://capability/house.trap
    version: 1.0.0
    summary: "{said}"
    kind: state
    runtime: python/1
    entrypoint: adapter.py:Trap
    files: [adapter.py]
    intent:
      type: object
      additionalProperties: false
      properties: {{"{said}": {{type: string, description: "{said}", enum: ["{said}"]}}}}
    requires: {{settings: [HOUSE_PORT], secrets: []}}
    scopes: [house:lights]
    driver: http
    base: "http://127.0.0.1:{{HOUSE_PORT}}"
    effects:
      state: {{read: "GET /state", summary: "{said}"}}
      switch:
        write: "POST /lamps/{{lamp}}"
        path: {{lamp: {{type: string, pattern: "^[a-z]{{1,20}}$"}}}}
        json: {{on: {{type: boolean}}}}
        repeatable: true
"""


async def test_it_is_shown_as_text(console: Console, tmp_path: Path) -> None:
    served, page, people = console.served, console.page, People()
    house, said = served.house, MARKUP + TRICK
    (tmp_path / "adapter.py").write_text(textwrap.dedent(ADAPTER).format(said=said), encoding="utf-8")
    (tmp_path / "trap.yaml").write_text(textwrap.dedent(MANIFEST).format(said=MARKUP), encoding="utf-8")
    await served.world.adopt(house, "house.trap", "trap.yaml", tmp_path)
    people.ask_about_everything(house)
    await people.asker(house, "house.trap")
    value = house.authority.talent(ASKER)
    await house.record(house.operator(new_trace_id()).talent(value, said))
    ask = served.world.ask("house.trap", {MARKUP: MARKUP}, talent=ASKER, why=said)
    report = await house.kernel.act(ask)
    assert report.plan is not None, report.error

    await console.enter()
    views = (
        "waiting",
        f"waiting/{report.action}",
        "timeline",
        "capabilities",
        "capabilities/house.trap",
        "adapters",
        f"action/{report.action}",
    )
    seen = 0
    for view in views:
        await console.show(view)
        seen += (await page.locator("main").inner_text()).count("<img src=x onerror")
        assert await page.evaluate("window.pwned") is None, view
        assert await page.locator("main img, main script").count() == 0, view
        text = await page.locator("main").inner_text()
        assert "\u202e" not in text and "\u2066" not in text, "what turns text around is shown as an escape"
    assert seen >= len(views)
    assert console.faults == [], "nothing was even tried"
