from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.matching import Condition, Ground, Matches, Offer, Task, best, match
from infrafabric.kernel.words.manifest import Cost, Effect, Kind, Manifest
from infrafabric.kernel.words.things import Grant, Talent, Target

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
SCENE = {
    "type": "object",
    "properties": {"scene": {"type": "integer"}},
    "required": ["scene"],
    "additionalProperties": False,
}
SWITCHER = "if://capability/desk.switcher"
AUDIO = "if://capability/desk.audio"


def manifest(name: str = SWITCHER, cost: str = "0", scopes: tuple[str, ...] = ("studio:control",)) -> Manifest:
    return Manifest(
        id=name, version="1.0.0", summary="A", kind=Kind.STATE, runtime="python/1", entrypoint="a.py:A", intent=SCENE,
        driver="http", effects={"look": Effect(read="GET /")}, scopes=scopes, cost=Cost(per_apply=cost),
    )  # fmt: skip


class Tables:
    def __init__(self, *grants: Grant, **rows: Any) -> None:
        self.rows: dict[tuple[str, str], Any] = {("grant", one.key): one.as_json() for one in grants}
        self.rows.update({(table, key): value for table, row in rows.items() for key, value in row.items()})

    def get(self, table: str, key: str) -> Any | None:
        return self.rows.get((table, key))

    def stored(self, table: str, key: str) -> bytes | None:
        value = self.get(table, key)
        return None if value is None else dumps(value)

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        return [(key, value) for (name, key), value in self.rows.items() if name == table and key.startswith(prefix)]


def talent(name: str, **more: Any) -> Talent:
    return Talent(id=f"if://agent/{name}", **more)


def grant(who: str, where: str = "desk@a", what: str = SWITCHER, **more: Any) -> Grant:
    holder = who if who.startswith("group:") else f"if://agent/{who}"
    return Grant(talent=holder, capability=what, target=where, **more)


def ground(facts: Tables, *talents: Talent, **more: Any) -> Ground:
    members: dict[str, Any] = {
        "offers": [Offer(manifest())], "targets": [Target(name="desk@a"), Target(name="desk@b")], "now": NOW,
    }  # fmt: skip
    return Ground(talents=talents, facts=facts, **{**members, **more})


def who(found: Matches) -> list[tuple[str, str]]:
    return [(fit.talent.rpartition("/")[2], fit.target) for fit in found.fits]


TASK = Task({"scene": 1}, scopes=("studio:control",))


def test_whoever_was_granted_it_fits_and_nobody_else() -> None:
    found = match(TASK, ground(Tables(grant("A")), talent("A"), talent("B")))
    assert who(found) == [("A", "desk@a")]
    assert [one.reason for one in found.misfits] == [
        "one talent was not granted it on desk@a",
        "2 talents were not granted it on desk@b",
    ]
    assert best(found).capability == SWITCHER


def test_a_task_for_a_talent_without_the_capability_is_refused_rather_than_asked_about() -> None:
    found = match(Task({"scene": 1}, talent="if://agent/B"), ground(Tables(grant("A")), talent("A"), talent("B")))
    with pytest.raises(FabricError, match="if://agent/B was not granted it on desk@a") as refusal:
        best(found)
    assert refusal.value.code is Code.NO_TALENT_FITS


@pytest.mark.parametrize(
    ("task", "more", "reason"),
    [
        (Task({"scene": "x"}), {}, "it takes no such intent: scene"),
        (Task({"scene": 1}, scopes=("money:spend",)), {}, "not for the scope money:spend; its scopes: studio:control"),
        (Task({"scene": 1}, target="desk@c"), {}, "there is no target desk@c"),
        (Task({"scene": 1}, tenant="south"), {}, "there is no target of the product desk"),
        (TASK, {"offers": [Offer(manifest(), "IF_ERR_NOT_ALLOWED: no")]}, "IF_ERR_NOT_ALLOWED: no"),
        (TASK, {"opinion": lambda *_: "the policy forbids it"}, "the policy forbids it"),
    ],
)
def test_what_does_not_fit_says_why(task: Task, more: dict[str, Any], reason: str) -> None:
    found = match(task, ground(Tables(grant("A")), talent("A"), **more))
    assert not found.fits
    assert any(reason in one.reason for one in found.misfits), found.misfits
    with pytest.raises(FabricError) as refusal:
        best(found)
    assert refusal.value.code is Code.NO_TALENT_FITS


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"expires": "2027-03-01T12:00:00Z"}, "expired at 2027-03-01T12:00:00Z"),
        ({"only": {"properties": {"scene": {"enum": [2]}}}}, "for some intents only: scene does not fit enum"),
        ({"scopes": ("studio:look",)}, "only for studio:look, not for studio:control"),
        ({"tenant": "south"}, "not of one tenant"),
    ],
)
def test_a_grant_that_does_not_reach_so_far_says_why(more: dict[str, Any], reason: str) -> None:
    found = match(TASK, ground(Tables(grant("A", **more)), talent("A")))
    assert not found.fits
    (told,) = [one for one in found.misfits if one.talent]
    assert reason in told.reason


def test_a_grant_to_a_group_is_its_members() -> None:
    facts = Tables(grant("group:night"))
    found = match(TASK, ground(facts, talent("A", groups=("night",)), talent("B", groups=("day",))))
    assert who(found) == [("A", "desk@a")]


def test_halted_and_cut_off_does_not_fit() -> None:
    stop = {"at": "2027-03-01T11:00:00Z", "why": "fire", "talent": "if://person/operator"}
    for key in ("all ", f"capability {SWITCHER}", "talent if://agent/A"):
        assert not match(TASK, ground(Tables(grant("A"), stop={key: stop}), talent("A"))).fits
    row = {"state": "open", "until": "2027-03-01T12:00:01Z"}
    cut = Tables(grant("A"), breaker={f"{SWITCHER} desk@a": row})
    assert not match(TASK, ground(cut, talent("A"))).fits
    row["until"] = "2027-03-01T12:00:00Z"
    assert match(TASK, ground(cut, talent("A"))).fits, "a probe is let through"


def test_the_order_is_health_then_tags_then_cost_then_load_then_names() -> None:
    facts = Tables(grant("A"), grant("B"), grant("B", "desk@b"), grant("A", what=AUDIO), grant("C"))
    offers = [Offer(manifest()), Offer(manifest(AUDIO, "0.5"))]
    talents = (talent("A"), talent("B", tags=("video",)), talent("C"))
    task = Task({"scene": 1}, tags=("video", "night"))
    conditions = {"desk@a": Condition("up"), "desk@b": Condition("down", "no route")}
    load = {"if://agent/A": 2}
    found = match(task, ground(facts, *talents, offers=offers, conditions=conditions, load=load))
    assert [(fit.capability, fit.talent[-1], fit.target) for fit in found.fits] == [
        (SWITCHER, "B", "desk@a"),  # it has a tag
        (SWITCHER, "C", "desk@a"),  # it is idle
        (SWITCHER, "A", "desk@a"),  # it costs nothing
        (AUDIO, "A", "desk@a"),
        (SWITCHER, "B", "desk@b"),  # its target was down
    ]
    assert found.fits[0].reasons == (
        "desk@a was up", "tags: video of video, night", "costs nothing", "0 open actions",
        "if://agent/B was granted desk.switcher on desk@a",
    )  # fmt: skip
    assert "desk@b was down: no route" in found.fits[-1].reasons


NAMES = ["A", "B", "C", "D"]
WHERE = ["desk@a", "desk@b"]


@given(
    granted=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(WHERE), st.booleans()), max_size=8),
    talents=st.permutations(NAMES),
    targets=st.permutations(WHERE),
)
def test_the_order_of_what_is_given_alters_nothing_and_nobody_fits_without_a_grant(
    granted: list[tuple[str, str, bool]], talents: list[str], targets: list[str]
) -> None:
    expired = {"expires": "2027-01-01T00:00:00Z"}
    last = {(name, where): over for name, where, over in granted}
    facts = Tables(*(grant(name, where, **(expired if over else {})) for (name, where), over in last.items()))
    one = match(TASK, ground(facts, *map(talent, NAMES), targets=[Target(name=name) for name in WHERE]))
    again = ground(facts, *map(talent, talents), targets=[Target(name=name) for name in targets])
    assert match(TASK, again) == one
    assert set(who(one)) == {pair for pair, over in last.items() if not over}
