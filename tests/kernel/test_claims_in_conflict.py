"""Two talents claim different things about one topic: the kernel sees it, whatever they say of it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from people import ASKER, People, asked

from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.claims import contradicted, topic_key
from infrafabric.kernel.words.claims import CONFLICT, Claim
from infrafabric.kernel.words.plan import Outcome, Verdict

if TYPE_CHECKING:
    from world import World

    from infrafabric.kernel.ask import Ask

TOPIC = sha256(b"how full the tank is")
OTHER = "if://agent/Other"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
EVIDENCE = (("filing", "https://www.example.org/a", b"a"), ("db", "https://db.example.net/b", b"b"))


def claim(value: str | None, topic: str | None = TOPIC, **scope: Any) -> Claim:
    sources = [{"type": kind, "url": url, "hash": sha256(data)} for kind, url, data in EVIDENCE]
    confidence = {"raw": 1, "normalized": 1}
    members = {"topic_hash": topic, "value": value, "scope": scope, "evidence": sources}
    return Claim.model_validate({"claim_id": "C-1", "confidence": confidence, **members})


class Claims:
    """Facts that hold one claim."""

    def __init__(self, made: Claim, talent: str, at: str, tenant: str = "default") -> None:
        self.rows = {f"{topic_key(tenant, made)}{talent}": {"value": str(made.value), "action": "a", "at": at}}

    def get(self, table: str, key: str) -> Any | None:
        return self.rows.get(key)

    def stored(self, table: str, key: str) -> bytes | None:
        return None

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        return [(key, value) for key, value in self.rows.items() if table == "claim" and key.startswith(prefix)]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (claim("79"), True),
        (claim("80"), False),
        (claim("125"), False),
        (claim("126"), True),
        (claim("-100"), True),
        (claim(None), False),
        (claim("10", None), False),
        (claim("10", sha256(b"else")), False),
        (claim("10", tank="north"), False),
    ],
)
def test_what_contradicts_a_hundred(made: Claim, expected: bool) -> None:
    facts = Claims(claim("100"), OTHER, "2026-01-01T12:00:00.000Z")
    assert contradicted(facts, made, ASKER, "default", NOW) is expected


def test_whose_claims_count_and_how_long() -> None:
    said, made = claim("100"), claim("10")
    assert contradicted(Claims(said, OTHER, "2026-01-01T00:00:01.000Z"), made, ASKER, "default", NOW)
    assert not contradicted(Claims(said, OTHER, "2026-01-01T00:00:00.000Z"), made, ASKER, "default", NOW)
    assert not contradicted(Claims(said, ASKER, f"{NOW - timedelta(hours=1):%FT%TZ}"), made, ASKER, "default", NOW)
    other = Claims(said, OTHER, "2026-01-01T12:00:00.000Z", tenant="elsewhere")
    assert not contradicted(other, made, ASKER, "default", NOW)


async def test_it_is_asked_about_as_a_hazard(world: World) -> None:
    def ask(talent: str, value: str, **lamps: bool) -> Ask:
        checked = tuple(sha256(data) for _, _, data in EVIDENCE)
        return world.ask("house.lamps", {"lamps": lamps}, talent=talent, claim=claim(value), evidence=checked)

    people = People()
    async with world.opened() as house:
        await people.asker(house)
        await people.asker(house, name="Other")
        first = await house.kernel.act(ask(OTHER, "100", hall=True))
        near = await house.kernel.act(ask(ASKER, "90", hall=False))
        far = await house.kernel.act(ask(ASKER, "10", hall=True))
        assert [first.outcome, near.outcome, far.outcome] == [Outcome.CONVERGED, Outcome.CONVERGED, Outcome.WAITING]
        assert CONFLICT not in near.hazards and CONFLICT in far.hazards
        decision = asked(house, far.action).decision
        assert decision.verdict is Verdict.ESCALATE and "routing/hazard-override" in decision.rules


async def test_a_claim_made_while_a_plan_waits_makes_it_stale(world: World) -> None:
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        await people.asker(house, name="Other")
        ann = await people.add(house, "Ann")
        waits = await house.kernel.act(
            world.ask("house.lamps", {"lamps": {"hall": True}}, talent=ASKER, claim=claim("10"))
        )
        await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, talent=OTHER, claim=claim("100")))
        report = await house.kernel.approve(waits.action, people.agrees(house, waits, ann))
    assert report.outcome is Outcome.REFUSED and not world.peer.writes
