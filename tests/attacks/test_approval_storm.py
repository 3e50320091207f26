"""A storm of questions: one talent asks ten thousand times what people have to agree to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from people import ASKER, HALL, People, kinds

from infrafabric.kernel.approving import giving_way
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World


def test_ten_thousand_questions_of_one_talent() -> None:
    """Its own oldest give way, one for each new one; those of others stay, and so does one that is being answered."""
    pending: dict[str, Any] = {f"other-{number}": {"at": "0", "talent": "if://agent/Other"} for number in range(20)}
    others = set(pending)
    for number in range(10_000):
        ended = giving_way(pending.items(), "if://agent/Storm", 20, held={"storm-00003"})
        for action in ended:
            del pending[action]
        pending[f"storm-{number:05}"] = {"at": f"{number:05}", "talent": "if://agent/Storm"}
        assert len(ended) <= 1 and len(pending) <= 40
    kept = sorted(set(pending) - others)
    assert others <= set(pending)
    assert kept == ["storm-00003", *(f"storm-{number:05}" for number in range(9_981, 10_000))]


def test_a_lower_limit_ends_as_many_as_it_takes() -> None:
    pending = {f"{number}": {"at": f"{number}", "talent": "a"} for number in range(9)}
    assert giving_way(pending.items(), "a", 3, held=()) == ["0", "1", "2", "3", "4", "5", "6"]


async def test_the_oldest_question_gives_way_on_record(world: World) -> None:
    (world.home.root / "infrafabric.toml").write_text("[approvals]\nopen_per_talent = 2\n")
    people = People()
    async with world.opened() as house:
        people.ask_about_everything(house)
        await people.asker(house)
        other = await people.asker(house, name="Other")
        first = await house.kernel.act(world.ask(*HALL, talent=other))
        stormed = [await house.kernel.act(world.ask(*HALL, talent=ASKER)) for _ in range(5)]
        waits = {action for action, _ in house.log.facts.scan("pending")}
        gone = stormed[0].action
        assert kinds(house, gone)[-2:] == ["approval.expired", "action.refused"]
        state = house.log.facts.get("state", gone)
        ann = await people.add(house, "Ann")
        done = await house.kernel.approve(first.action, people.agrees(house, first, ann))
        audit = await house.log.audit()
    assert waits == {first.action, stormed[3].action, stormed[4].action}
    assert state is not None and (state["state"], state["code"]) == ("refused", Code.APPROVAL_EXPIRED.value)
    assert done.outcome is Outcome.CONVERGED
    assert audit.problem == ""
