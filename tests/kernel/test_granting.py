from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.clock import AccountedClock
from infrafabric.kernel.granting import grant_keys, standing
from infrafabric.kernel.words.manifest import Effect, Kind, Manifest
from infrafabric.kernel.words.things import Grant, Talent, Target

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
LAMP = "if://capability/lamp.switch"
HALL = Target(name="lamp@hall")
AGENT = Talent(id="if://agent/A", groups=("night", "crew"))
MANIFEST = Manifest(
    id=LAMP, version="1.0.0", summary="A desk", kind=Kind.STATE, runtime="python/1", entrypoint="a.py:A",
    intent={"type": "object", "additionalProperties": False, "properties": {"scene": {}}},
    driver="http", effects={"look": Effect(read="GET /")},
)  # fmt: skip


class Grants:
    def __init__(self, *grants: Grant) -> None:
        self.rows = {one.key: one.as_json() for one in grants}

    def get(self, table: str, key: str) -> Any | None:
        return self.rows.get(key) if table == "grant" else None

    def stored(self, table: str, key: str) -> bytes | None:
        return dumps(self.rows[key]) if key in self.rows else None

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        return [(key, value) for key, value in self.rows.items() if key.startswith(prefix)]


def grant(holder: str = AGENT.id, **more: Any) -> Grant:
    return Grant(talent=holder, capability=LAMP, target=HALL.name, **more)


def test_the_grants_that_may_speak_are_the_talents_own_and_its_groups() -> None:
    assert [key.split()[0] for key in grant_keys(AGENT, LAMP, HALL.name)] == [AGENT.id, "group:crew", "group:night"]


def test_the_grant_that_holds_longest_counts() -> None:
    soon, later = "2027-03-01T12:00:01Z", "2027-03-02T00:00:00Z"
    found = standing(Grants(grant(expires=soon), grant("group:night", expires=later)), AGENT, MANIFEST, HALL, {}, NOW)
    assert (found.rule, found.expires) == ("grants/group", later)
    found = standing(Grants(grant(), grant("group:night", expires=later)), AGENT, MANIFEST, HALL, {}, NOW)
    assert (found.rule, found.expires) == ("grants/talent", "")


def test_a_narrow_grant_beside_a_group_grant_does_not_take_the_group_grant_away() -> None:
    narrow = grant(only={"required": ["scene"]})
    assert standing(Grants(narrow), AGENT, MANIFEST, HALL, {}, NOW).rule == "grants/only"
    assert standing(Grants(narrow, grant("group:crew")), AGENT, MANIFEST, HALL, {}, NOW).rule == "grants/group"


def test_a_group_of_the_name_in_another_tenant_grants_nothing() -> None:
    theirs = grant("group:night", tenant="south")
    assert standing(Grants(theirs), AGENT, MANIFEST, HALL, {}, NOW).rule == "tenants/differ"


def test_the_misfit_is_named_without_the_value() -> None:
    narrow = grant(only={"properties": {"scene": {"enum": [1, 2]}}})
    found = standing(Grants(narrow), AGENT, MANIFEST, HALL, {"scene": "hush"}, NOW)
    assert "scene does not fit enum: [1, 2]" in found.reason
    assert "hush" not in found.reason


def test_a_record_about_another_matter_is_not_judged() -> None:
    facts = Grants()
    facts.rows[grant().key] = grant("if://agent/B").as_json()
    with pytest.raises(ValueError, match="another matter"):
        standing(facts, AGENT, MANIFEST, HALL, {}, NOW)


@pytest.mark.parametrize("text", ["tomorrow", "2027-03-01", "2027-03-01T12:00:00", "2027-03-01T12:00:00+01:00"])
def test_an_end_of_another_form_is_no_grant(text: str) -> None:
    with pytest.raises(ValidationError):
        grant(expires=text)


@given(seconds=st.integers(-(10**6), 10**6))
def test_a_grant_holds_until_its_end_and_not_a_moment_longer(seconds: int) -> None:
    end = (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert standing(Grants(grant(expires=end)), AGENT, MANIFEST, HALL, {}, NOW).allows is (seconds > 0)


@given(steps=st.lists(st.tuples(st.floats(0, 100), st.floats(-1000, 1000)), min_size=1, max_size=20))
def test_the_clock_never_runs_behind_what_passed_however_the_wall_clock_is_set(
    steps: list[tuple[float, float]],
) -> None:
    wall, steady = [2_000.0], [0.0]
    clock = AccountedClock(floor=1_990.0, wall=lambda: wall[0], steady=lambda: steady[0])
    passed = 0.0
    for more, jump in steps:
        passed += more
        steady[0] += more
        wall[0] += more + jump
        assert clock().timestamp() >= 2_000.0 + passed - 0.001
        assert clock().timestamp() <= max(wall[0], 2_000.0 + passed) + 0.001


def test_the_clock_begins_at_the_logs_last_entry() -> None:
    assert AccountedClock(floor=5_000.0, wall=lambda: 10.0, steady=lambda: 0.0)().timestamp() == 5_000.0


def test_a_condition_on_a_field_that_the_capability_lost_lets_nothing_pass() -> None:
    """A new version that calls the field otherwise must not turn a narrow grant into a wide one."""
    fields = {"type": "object", "additionalProperties": False, "properties": {"scene": {"type": "integer"}}}
    manifest = MANIFEST.model_copy(update={"intent": fields})
    narrow = Grants(grant(only={"properties": {"scene": {"enum": [1]}}}))
    assert standing(narrow, AGENT, manifest, HALL, {"scene": 1}, NOW).allows
    renamed = MANIFEST.model_copy(update={"intent": {**fields, "properties": {"picture": {"type": "integer"}}}})
    found = standing(narrow, AGENT, renamed, HALL, {"picture": 5}, NOW)
    assert found.rule == "grants/only"
    assert "takes no such field" in found.reason
