from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.words.policy import Role
from infrafabric.policy.roles import held, inclusions

NAMES = st.sampled_from(["viewer", "analyst", "operator", "producer", "owner"])


class Roles:
    """Facts that hold roles and nothing else."""

    def __init__(self, *roles: Role) -> None:
        self.rows = {role.key: role.as_json() for role in roles}

    def get(self, table: str, key: str) -> Any | None:
        return self.rows.get(key) if table == "role" else None

    def stored(self, table: str, key: str) -> bytes | None:
        value = self.get(table, key)
        return None if value is None else dumps(value)

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        return sorted((key, value) for key, value in self.rows.items() if table == "role" and key.startswith(prefix))


def test_a_role_brings_those_that_it_includes_at_any_depth() -> None:
    facts = Roles(Role(name="producer", includes=("operator",)), Role(name="operator", includes=("viewer",)))
    assert held(["producer"], facts, "default") == {"producer", "operator", "viewer"}
    assert held(["viewer"], facts, "default") == {"viewer"}
    assert held([], facts, "default") == frozenset()


def test_a_role_that_nobody_defined_is_held_and_includes_nothing() -> None:
    assert held(["analyst"], Roles(), "default") == {"analyst"}


def test_roles_that_include_each_other_come_to_an_end() -> None:
    facts = Roles(Role(name="a", includes=("b",)), Role(name="b", includes=("a", "b")))
    assert held(["a"], facts, "default") == {"a", "b"}


def test_a_role_of_one_tenant_includes_nothing_in_another() -> None:
    facts = Roles(Role(name="viewer", tenant="south", includes=("owner",)), Role(name="viewer", includes=("reader",)))
    assert held(["viewer"], facts, "default") == {"viewer", "reader"}
    assert held(["viewer"], facts, "south") == {"viewer", "owner"}
    assert inclusions(facts, "south") == {"viewer": {"viewer", "owner"}}


@given(includes=st.dictionaries(NAMES, st.lists(NAMES, max_size=4)), mine=st.lists(NAMES, max_size=3), more=NAMES)
def test_held_is_the_least_closed_set(includes: Mapping[str, list[str]], mine: list[str], more: str) -> None:
    facts = Roles(*(Role(name=name, includes=tuple(others)) for name, others in includes.items()))
    found = held(mine, facts, "default")
    assert set(mine) <= found
    for name in found:
        assert set(includes.get(name, ())) <= found
    assert held(found, facts, "default") == found
    assert found <= held([*mine, more], facts, "default")
    reached = set(mine)
    for _ in range(5):
        reached |= {other for name in reached for other in includes.get(name, ())}
    assert found == reached
