"""A talent that may read the log reads its tenant's entries in it, by whatever way it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code

if TYPE_CHECKING:
    from homes import Ifctl


@pytest.fixture
def two_tenants(vmix_home: Ifctl) -> Ifctl:
    """South has a target and a person of its own, with whatever role lets read the log."""
    add = ("talent", "add", "--name", "South", "--kind", "person", "--tenant", "south", "--why", "x")
    vmix_home.ok(*add, "--role", "operator", "--role", "auditor")
    vmix_home.ok("target", "add", "vmix@south", "--tenant", "south", "--why", "x")
    return vmix_home


def test_only_the_own_tenants_entries_are_found(two_tenants: Ifctl) -> None:
    everything = two_tenants.ok("witness", "query")["entries"]
    assert {row["body"]["tenant"] for row in everything} == {"default", "south"}
    seen = two_tenants.ok("witness", "query", "--as", "South")["entries"]
    assert {row["body"]["target"] for row in seen if row["kind"] == "target.changed"} == {"vmix@south"}
    assert {row["body"]["tenant"] for row in seen} == {"south"}
    assert two_tenants.ok("witness", "query", "--as", "South", "--target", "vmix@studio-a")["entries"] == []


def test_an_entry_of_another_tenant_is_one_that_is_not_there(two_tenants: Ifctl) -> None:
    rows = two_tenants.ok("witness", "query", "--kind", "target.changed")["entries"]
    by_tenant = {row["body"]["tenant"]: str(row["index"]) for row in rows}
    show = ("witness", "show", "--as", "South")
    assert two_tenants.ok(*show, by_tenant["south"])["entries"][0]["body"]["target"] == "vmix@south"
    status, code, message = two_tenants.refused(*show, by_tenant["default"])
    assert (status, code) == (1, Code.ENTRY_UNKNOWN.value)
    assert "vmix" not in message


def test_whoever_the_policies_do_not_let_read_reads_nothing(two_tenants: Ifctl) -> None:
    two_tenants.ok("talent", "add", "--name", "Agent", "--why", "x")
    for command in (("query",), ("show", "0")):
        assert two_tenants.refused("witness", *command, "--as", "Agent")[1] == Code.DENIED.value
