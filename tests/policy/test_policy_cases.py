from __future__ import annotations

from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.policy.cases import read_table, run_case
from infrafabric.policy.cedar import load_policies
from infrafabric.policy.files import shipped

DEFAULT = load_policies(shipped())


def table(given: dict[str, Any], expect: dict[str, Any]) -> dict[str, Any]:
    return {"cases": [{"name": "it", "given": given, "expect": expect}]}


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        ({}, {"verdict": "SHARE", "rules": ["granted"], "people": 0}),
        ({"hazards": ["live-output"]}, {"verdict": "ESCALATE", "rules": ["live-output"], "people": 1}),
        ({"hazards": ["live-output"], "kind": "person"}, {"verdict": "SHARE"}),
        ({"confidence": 0.25}, {"verdict": "HOLD", "rules": ["routing/borderline"]}),
        ({"confidence_required": True}, {"verdict": "ESCALATE", "rules": ["routing/low-confidence"]}),
        ({"cost": "0.5", "currency": "EUR"}, {"verdict": "ESCALATE", "rules": ["money"]}),
        ({"hazards": ["unlock", "legal"]}, {"verdict": "ESCALATE", "rules": ["way-in", "routing/hazard-override"]}),
        ({"action": "read_log", "kind": "person", "roles": ["auditor"]}, {"verdict": "SHARE"}),
        ({"action": "approve"}, {"verdict": "DENY", "rules": ["policies/no-permit"]}),
        ({"action": "plan", "planned": False, "hazards": ["legal"]}, {"verdict": "SHARE"}),
    ],
)
def test_the_default_policies_do_as_documented(given: dict[str, Any], expect: dict[str, Any]) -> None:
    outcome = run_case(DEFAULT, read_table(table(given, expect))[0])
    assert outcome.agrees, outcome


def test_a_miss_tells_what_differs_and_only_that() -> None:
    case = read_table(table({"hazards": ["unlock"]}, {"verdict": "ESCALATE", "rules": ["door"], "people": 2}))[0]
    outcome = run_case(DEFAULT, case)
    assert not outcome.agrees
    assert outcome.expected == {"rules": ["door"], "people": 2}
    assert outcome.found == {"rules": ["way-in"], "people": 1}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "the table"),
        ({"cases": []}, "cases"),
        (table({"hazzards": []}, {"verdict": "SHARE"}), "hazzards"),
        (table({}, {"verdict": "MAYBE"}), "verdict"),
        (table({"confidence": 2}, {"verdict": "SHARE"}), "confidence"),
        (table({"capability": "vMix"}, {"verdict": "SHARE"}), "given"),
        (table({"at": "2026-01-05T12:00:00"}, {"verdict": "SHARE"}), "time zone"),
    ],
)
def test_a_table_of_another_form_is_refused(value: object, words: str) -> None:
    with pytest.raises(FabricError) as refused:
        read_table(value)
    assert refused.value.code is Code.POLICY_TABLE
    assert words in refused.value.message
