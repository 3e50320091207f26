"""A policy that misspells an attribute would never match: it is refused at load, and the former set stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from policies import PERMIT, Records, question

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Verdict
from infrafabric.policy.cedar import load_policies
from infrafabric.policy.cedar_guard import CedarGuard

if TYPE_CHECKING:
    from homes import Ifctl

TYPO = (
    '@id("live")\nforbid (principal, action == Action::"apply", resource)\nwhen { context.hazard.contains("live") };\n'
)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('context.hazard.contains("live")', "hazards"),
        ("context.destructiv", "destructive"),
        ("context.time.hours > 8", "hour"),
        ('principal.kid == "person"', "kind"),
        ('context.capability.produkt == "vmix"', "product"),
        ('principal in Roll::"owner"', "Role"),
    ],
)
def test_a_misspelt_word_is_named_with_what_was_meant(wrong: str, right: str) -> None:
    text = f'@id("typo")\nforbid (principal, action == Action::"apply", resource)\nwhen {{ {wrong} }};'
    with pytest.raises(FabricError) as refused:
        load_policies({"a.cedar": PERMIT + text})
    assert refused.value.code is Code.POLICY_INVALID
    assert "a.cedar:4: policy typo" in refused.value.message
    assert f"did you mean `{right}`?" in refused.value.message


def test_an_optional_attribute_is_not_used_unasked() -> None:
    text = '@id("a") forbid (principal, action == Action::"apply", resource) when { context.confidence < 500 };'
    with pytest.raises(FabricError) as refused:
        load_policies({"a.cedar": PERMIT + text})
    assert "confidence" in refused.value.message


def test_forced_into_the_record_all_the_same_it_denies_everything() -> None:
    decision = CedarGuard(Records({"a.cedar": PERMIT + TYPO})).decide(question())
    assert (decision.verdict, decision.rules) == (Verdict.DENY, ("policies/invalid",))


def test_ifctl_refuses_it_and_the_former_set_stays(bare_home: Ifctl) -> None:
    before = bare_home.ok("policy", "show")
    (bare_home.home / "policies" / "studio.cedar").write_text(TYPO)
    status, code, message = bare_home.refused("policy", "load", "--why", "stricter")
    assert (status, code) == (1, "IF_ERR_POLICY_INVALID")
    assert "studio.cedar:3" in message and "did you mean `hazards`?" in message
    after = bare_home.ok("policy", "show")
    assert after["files"] == before["files"]
    assert after["differs"] == {"studio.cedar": "added"}
