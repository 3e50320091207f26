"""A grant is for one capability by its whole name: no pattern, no prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from policies import AGENT, PERMIT, TARGET, Records, capability, question
from pydantic import ValidationError

from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.things import Grant
from infrafabric.policy.cedar_guard import CedarGuard

if TYPE_CHECKING:
    from homes import Ifctl


@pytest.mark.parametrize("name", ["vmix.*", "vmix.switch*", "*", "vmix.", "vmix", "VMIX.switcher", "vmix.switcher "])
def test_a_grant_names_no_pattern(name: str) -> None:
    with pytest.raises(ValidationError):
        Grant(talent=AGENT.id, capability=f"if://capability/{name}", target=TARGET.name)


@pytest.mark.parametrize("name", ["lampx.switch", "lamp.switchx", "lamp.switch.more", "lamp.switc", "xlamp.switch"])
def test_a_grant_covers_no_name_that_is_like_its_own(name: str) -> None:
    guard = CedarGuard(Records({"a.cedar": PERMIT}))
    assert guard.decide(question()).verdict is Verdict.SHARE
    decision = guard.decide(question(capability=capability(name)))
    assert (decision.verdict, decision.rules) == (Verdict.DENY, ("grants/none",))


def test_a_row_moved_under_another_name_covers_nothing() -> None:
    records = Records({"a.cedar": PERMIT})
    granted = records.rows["grant", f"{AGENT.id} if://capability/lamp.switch {TARGET.name}"]
    records.rows["grant", f"{AGENT.id} if://capability/lampx.switch {TARGET.name}"] = granted
    decision = CedarGuard(records).decide(question(capability=capability("lampx.switch")))
    assert decision.verdict is Verdict.DENY


def test_ifctl_takes_no_pattern(vmix_home: Ifctl) -> None:
    for name in ("vmix.*", "vmix*", "*"):
        _, code, _ = vmix_home.refused("talent", "grant", "--name", "operator", "--capability", name, "--why", "all")
        assert code == "IF_ERR_NAME_INVALID"
