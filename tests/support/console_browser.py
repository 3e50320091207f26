"""A console in a real browser: Debian's Chromium, with a passkey in a virtual authenticator."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from people import ASKER, People
from served import Served, listening

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Report
from infrafabric.kernel.words.policy import Needs

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page, ViewportSize

CHROMIUM = shutil.which("chromium") or ""
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 20_000
"""What a page may take on a busy machine. A test that waits so long has failed."""
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 780}


@dataclass
class Console:
    """A page of the console. `faults` are what the browser complained of: a test that expects none looks there."""

    served: Served
    page: Page
    context: BrowserContext
    port: int
    faults: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://localhost:{self.port}"

    async def enter(self, talent: str = OPERATOR) -> None:
        """Come in by a one-time link."""
        token = self.served.service.sessions.link(talent)
        await self.page.goto(f"{self.base}/console/enter#{token}")
        await self.page.wait_for_selector("nav a[aria-current]")

    async def show(self, view: str) -> None:
        """Go to a part of the console and wait until it has what it shows."""
        await self.page.goto(f"{self.base}/console/#/{view}")
        await self.page.wait_for_selector(".view h1, .view .note.bad")
        await self.page.wait_for_timeout(200)

    async def authenticator(self) -> None:
        """A device that confirms every question, as the person at it would."""
        cdp = await self.context.new_cdp_session(self.page)
        await cdp.send("WebAuthn.enable")
        options: dict[str, Any] = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    async def enrol(self) -> None:
        await self.show("account")
        await self.page.get_by_label("What to call it").fill("this laptop")
        await self.page.get_by_label("Why (it is recorded)").fill("to answer what waits")
        await self.page.get_by_role("button", name="Make a passkey").click()
        await self.page.wait_for_selector("text=this laptop")


async def waiting(served: Served, why: str = "the guests are here", lamp: str = "hall", needed: int = 1) -> Report:
    """An agent of the operator's asks for a lamp, and people are asked about it."""
    people = People()
    people.ask_about_everything(served.house, Needs(people=needed))
    await people.asker(served.house)
    ask = served.world.ask("house.lamps", {"lamps": {lamp: True}}, talent=ASKER, why=why)
    return await served.house.kernel.act(ask)


@asynccontextmanager
async def opened(served: Served, viewport: ViewportSize = DESK, scheme: Any = "light") -> AsyncIterator[Console]:
    from playwright.async_api import async_playwright

    async with listening(served.app) as port, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = await browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        found = Console(served, page, context, port)
        page.on("pageerror", lambda error: found.faults.append(str(error)))
        page.on("console", lambda said: found.faults.append(said.text) if said.type in ("error", "warning") else None)
        try:
            yield found
        finally:
            await browser.close()


@pytest.fixture
async def console(served: Served) -> AsyncIterator[Console]:
    if not CHROMIUM:
        pytest.skip("no chromium here; tests/peers/install-chromium.sh installs it")
    async with opened(served) as found:
        yield found
