"""What a person reads before answering: how sure the asker is, by which rules it waits, and who answered."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from people import ASKER, TARGET, People
from rich.console import Console

from infrafabric.control.cli.approvals_view import question_json, questions_json, show_question, show_questions
from infrafabric.control.cli.entry_view import show_found
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Grant, Talent

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

SEEN, UNSEEN = b"seen", b"unseen"


async def unsure(house: House) -> People:
    """Lets the asker be one that has to say how sure it is."""
    people, operator = People(), house.operator(new_trace_id())
    people.ask_about_everything(house)
    grant = Grant(talent=ASKER, capability=capability_id("house.lamps"), target=TARGET)
    await house.record(
        operator.talent(Talent(id=ASKER, confidence_required=True), "test"), operator.grant(grant, "test")
    )
    return people


def claim() -> Claim:
    evidence = [
        {"type": "filing\u202e", "url": f"https://a.example/{data.decode()}", "hash": sha256(data)}
        for data in (SEEN, UNSEEN)
    ]
    return Claim.model_validate({"claim_id": "C", "confidence": {"raw": 0.95, "normalized": 0.9}, "evidence": evidence})


def printed(width: int, show: Any, *args: Any) -> str:
    out = io.StringIO()
    show(Console(file=out, width=width), *args)
    return out.getvalue()


async def test_how_sure_the_asker_is_and_what_was_checked(world: World) -> None:
    async with world.opened() as house:
        await unsure(house)
        ask = world.ask("house.lamps", {"lamps": {"hall": True}}, talent=ASKER, claim=claim(), evidence=(sha256(SEEN),))
        waits = await house.kernel.act(ask)
        shape, history, effects = question_json(house, waits.action)
        text = printed(200, show_question, shape, history, effects)
    said = shape["claim"]
    assert (said["claimed"], said["raw"], said["counted"]) == ("0.9", "0.95", "0.6")
    assert [(one["url"], one["checked"]) for one in said["evidence"]] == [
        ("https://a.example/seen", True),
        ("https://a.example/unseen", False),
    ]
    assert "claim" in shape["untrusted"]
    assert "counts as 0.6; the asker claims 0.9 (raw 0.95, untrusted)" in text
    lines = [line for line in text.splitlines() if "evidence (untrusted)" in line]
    assert [line.rpartition("; ")[2] for line in lines] == [
        "checked: its bytes were handed in",
        "NOT checked: only its name was given",
    ]
    assert all("\u202e" not in line and sha256(data) in line for line, data in zip(lines, (SEEN, UNSEEN), strict=True))


async def test_an_asker_that_has_to_say_and_did_not(world: World) -> None:
    async with world.opened() as house:
        await unsure(house)
        waits = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=ASKER))
        shape, history, effects = question_json(house, waits.action)
    assert (shape["claim"]["claimed"], shape["claim"]["counted"]) == (None, "0")
    assert "counts as 0: the asker has to say" in printed(200, show_question, shape, history, effects)


@pytest.mark.parametrize("width", [80, 200])
async def test_the_list_names_the_rules_and_keeps_an_action_in_one_line(world: World, width: int) -> None:
    async with world.opened() as house:
        await unsure(house)
        waits = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=ASKER))
        rows = questions_json(house)
    text = printed(width, show_questions, rows)
    assert waits.outcome is Outcome.WAITING and waits.action in text
    assert rows[0]["rules"] == ["routing/low-confidence", "tests/ask"]
    assert width == 80 or "routing/low-confidence" in text


def test_an_answer_is_by_who_answered() -> None:
    body = {"talent": ASKER, "approver": "if://person/Ann", "why": "go"}
    row = {"index": 1, "at": "now", "kind": "approval.given", "action": "a", "body": body, "erased": False}
    text = printed(120, show_found, [row])
    assert "person/Ann" in text and "Scout" not in text
