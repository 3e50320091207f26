"""In a browser: a passkey is made, answers what waits, and the receipt proves it, in the browser and outside."""

from __future__ import annotations

import pytest
from console_browser import Console, waiting

from infrafabric.control.cli.verify_view import file_result
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.entries import Kind

pytestmark = pytest.mark.timeout(120)


async def answered(console: Console, name: str) -> None:
    await console.page.get_by_role("button", name=f"{name}…").click()
    await console.page.get_by_label("Why (it is recorded)").fill("it is right")
    await console.page.get_by_role("button", name=f"{name} with passkey").click()


async def test_approved_by_passkey(console: Console) -> None:
    served, page = console.served, console.page
    await console.enter()
    await console.authenticator()
    await console.enrol()
    report = await waiting(served)
    await console.show("waiting")
    await page.get_by_role("link", name="Look and answer").click()
    await page.wait_for_selector("text=Before → after")
    assert await page.locator(".diff del").inner_text() == "false"
    assert await page.locator(".diff ins").inner_text() == "true"
    await answered(console, "Approve")
    await page.wait_for_selector("text=Approved.")
    assert served.world.peer.lamps["hall"] is True
    await page.get_by_role("link", name="See the action and its receipt").click()
    await page.wait_for_selector("text=Verified in this browser.")

    given = [body for _, kind, body in served.house.log.entries(report.action) if kind is Kind.APPROVAL_GIVEN]
    (one,) = given
    assert one is not None
    assert (one["approver"], one["key"], one["why"]) == (OPERATOR, "", "it is right")
    found = file_result(await served.house.log.receipt(report.action), [served.house.log.vkey])
    assert found.error is None
    (row,) = found.shape["approvals"]["answers"]
    assert row["signed"] is True
    assert row["passkey"] == {
        "credential": one["assertion"]["credential"],
        "rp_id": "localhost",
        "origin": console.base,
    }
    assert console.faults == []


async def test_denied_by_passkey(console: Console) -> None:
    served, page = console.served, console.page
    await console.enter()
    await console.authenticator()
    await console.enrol()
    report = await waiting(served)
    await console.show(f"waiting/{report.action}")
    await answered(console, "Deny")
    await page.wait_for_selector("text=Denied. Nothing was written.")
    assert served.world.peer.writes == []
    assert (served.house.log.facts.get("state", report.action) or {})["state"] == "refused"
    assert console.faults == []


async def test_who_has_no_passkey_is_told(console: Console) -> None:
    served, page = console.served, console.page
    await console.enter()
    report = await waiting(served)
    await console.show(f"waiting/{report.action}")
    await answered(console, "Approve")
    await page.wait_for_selector("text=You have no passkey on this page yet.")
    assert served.world.peer.writes == []


async def test_a_second_passkey_takes_the_first(console: Console) -> None:
    """The authenticator refuses a second credential on the same device; that the first is asked for is seen before."""
    await console.enter()
    await console.authenticator()
    await console.enrol()
    page = console.page
    await page.get_by_label("What to call it").fill("again")
    await page.get_by_label("Why (it is recorded)").fill("a test")
    await page.get_by_role("button", name="Make a passkey").click()
    await page.wait_for_selector("text=This device holds a passkey of yours already.")
    await page.get_by_text("Revoke…").click()
    await page.get_by_label("Why it is revoked").fill("it was lost")
    await page.get_by_role("button", name="Revoke").click()
    await page.wait_for_selector("text=None yet.")
    assert console.served.house.authority.scan("passkey") == []


async def test_what_waits_appears_by_itself(console: Console) -> None:
    await console.enter()
    await console.show("waiting")
    await console.page.wait_for_selector("text=Nothing waits for you.")
    await waiting(console.served)
    await console.page.wait_for_selector("text=Look and answer")
    assert console.faults == []
