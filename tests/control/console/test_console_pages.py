"""In a browser: every page shows what it is about, is accessible in light, dark and on a phone, and loads nothing from
elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from console_browser import CHROMIUM, DESK, PHONE, Console, opened, waiting
from served import Served

pytestmark = pytest.mark.timeout(240)

PAGES = (
    "waiting",
    "timeline",
    "capabilities",
    "capabilities/house.lamps",
    "people",
    "limits",
    "adapters",
    "log",
    "log/0",
)
LOOKS = {"light": (DESK, "light"), "dark": (DESK, "dark"), "phone": (PHONE, "light")}


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing(served: Served, look: str) -> None:
    from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]

    if not CHROMIUM:
        pytest.skip("no chromium here; tests/peers/install-chromium.sh installs it")
    viewport, scheme = LOOKS[look]
    report = await waiting(served)
    found: list[Any] = []
    async with opened(served, viewport, scheme) as console:
        page = console.page
        await console.enter()
        for view in (*PAGES, f"waiting/{report.action}", f"action/{report.action}", "account", "dialog"):
            if view == "dialog":
                await console.show(f"waiting/{report.action}")
                await page.get_by_role("button", name="Approve…").click()
            else:
                await console.show(view)
            found += [(view, one) for one in await page.locator(".view > .note.bad").all_inner_texts()]
            text = await page.locator("main").inner_text()
            found += [(view, word) for word in ("undefined", "[object", "NaN", "Invalid Date") if word in text]
            results = await Axe().run(page)
            found += [(view, one["id"], one["nodes"][0]["target"]) for one in results.response["violations"]]
            wide = await page.evaluate("document.documentElement.scrollWidth")
            found += [(view, "is wide", wide)] if wide > viewport["width"] else []
    # Outside of what is served: a failure in there would hide behind those of the server that it ends.
    assert found == []
    assert console.faults == []


async def test_everything_comes_from_the_kernel(console: Console) -> None:
    hosts: set[str] = set()
    console.page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    await console.enter()
    for view in PAGES:
        await console.show(view)
    assert hosts == {f"localhost:{console.port}"}
    assert console.faults == []


async def test_by_keyboard_alone(console: Console) -> None:
    """From the address bar to a plan: skip link, navigation, form, button, all by Tab and Enter."""
    await console.enter()
    page = console.page
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await console.show("capabilities/house.lamps")
    await page.get_by_label("lamps").focus()
    await page.keyboard.type('{"hall": true}')
    await page.keyboard.press("Tab")
    await page.keyboard.type("to see by")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Apply this plan")
    await page.get_by_role("button", name="Apply this plan").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Verified in this browser.")
    assert console.served.world.peer.lamps["hall"] is True
    assert console.faults == []


async def test_plan_review_apply_undo(console: Console) -> None:
    page, peer = console.page, console.served.world.peer
    await console.enter()
    await console.show("capabilities/house.lamps")
    await page.get_by_label("lamps").fill("no JSON")
    await page.get_by_label("Why (it is recorded)").fill("a test")
    await page.get_by_role("button", name="Plan").click()
    await page.wait_for_selector("text=lamps: is no JSON")
    await page.get_by_label("lamps").fill('{"hall": true, "porch": true}')
    await page.get_by_role("button", name="Plan").click()
    await page.wait_for_selector("text=0 to add, 2 to change, 0 to remove.")
    assert peer.writes == []
    await page.get_by_role("button", name="Apply this plan").click()
    await page.wait_for_selector("text=Verified in this browser.")
    assert sorted(peer.writes) == ["POST /lamps/hall", "POST /lamps/porch"]
    await page.get_by_role("link", name="The action").click()
    await page.get_by_label("Why (it is recorded)").fill("enough")
    await page.get_by_role("button", name="Undo").click()
    await page.wait_for_selector(".badge >> text=undone")
    assert peer.lamps == {"hall": False, "porch": False, "attic": False}
    assert console.faults == []


async def test_the_timeline_is_live(console: Console) -> None:
    page = console.page
    await console.enter()
    await console.show("timeline")
    await page.wait_for_selector(".live.on")
    before = await page.locator(".stream li").count()
    await console.served.house.kernel.act(console.served.world.lamps(hall=True))
    await page.wait_for_selector(".stream .fresh >> text=converged")
    assert await page.locator(".stream li").count() > before
    await page.get_by_label("Target").fill("nowhere@else")
    assert await page.locator(".stream li:visible").count() == 0
    assert console.faults == []


async def test_a_link_works_once(console: Console) -> None:
    token = console.served.service.sessions.link("if://person/operator")
    await console.page.goto(f"{console.base}/console/enter#{token}")
    await console.page.wait_for_selector("nav a[aria-current]")
    assert token not in console.page.url
    await console.context.clear_cookies()
    await console.page.goto(f"{console.base}/console/enter#{token}")
    await console.page.wait_for_selector("text=the console link is none, or was used")
    await console.page.goto(f"{console.base}/console/")
    await console.page.wait_for_selector("text=You are not known here")


async def test_an_address_becomes_the_name(console: Console) -> None:
    """Passkeys do not work on an address: who comes by one is led to the name, token and all."""
    token = console.served.service.sessions.link("if://person/operator")
    await console.page.goto(f"http://127.0.0.1:{console.port}/console/enter#{token}")
    await console.page.wait_for_selector("nav a[aria-current]")
    assert console.page.url.startswith(f"{console.base}/console/")
