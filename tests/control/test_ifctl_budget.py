"""`ifctl budget` and `ifctl cost`: limits are set in decimals, hold, and show what was used of them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from homes import VMIX, Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.errors import Code

Studio = tuple[Ifctl, VmixSimulator]
WHY = ("--why", "a test")
pytestmark = pytest.mark.timeout(180)  # the first of a session compiles the Python component
CUT = ("capability", "apply", "vmix.switcher", *WHY)


def priced(run: Ifctl, folder: Path, cost: str) -> None:
    """Sign and allow the vMix switcher once more, at a price."""
    source = folder / "priced"
    shutil.copytree(VMIX, source)
    manifest = source / "switcher.yaml"
    text = manifest.read_text()
    free, version = 'cost: {currency: USD, per_apply: "0"}', "version: 1.2.0"
    assert free in text and version in text
    manifest.write_text(text.replace(free, f"cost: {cost}").replace(version, "version: 1.3.0"))
    run.ok("adapter", "sign", str(source), "--manifest", "switcher.yaml", "--out", str(folder / "bundle"))
    run.ok("adapter", "install", str(folder / "bundle"))
    run.ok("trust", "allow", "vmix.switcher@1.3.0", *WHY)


def test_a_budget_holds_warns_and_shows_what_was_used(studio: Studio, tmp_path: Path) -> None:
    run, _ = studio
    priced(run, tmp_path, '{currency: USD, per_apply: "0.40", tokens: 1000}')
    made = run.ok("budget", "set", "--subject", "talent:operator", "--per", "day", "--limit", "1.00", *WHY)
    assert made["budget"]["key"] == "talent:if://person/operator money:USD day default"
    assert made["budget"]["limit"] == "1.00"
    scenes = ["Camera 2", "Intro", "Camera 1"]
    first = run.ok(*CUT, "--scene", scenes[0])
    assert "warnings" not in first
    second = run.ok(*CUT, "--scene", scenes[1])
    assert second["warnings"] == [
        "budget talent:if://person/operator per day: 0.80 USD of 1.00 USD used with this action (80 %)"
    ]
    third = run(*CUT, "--scene", scenes[2])
    assert third.exit_code == 1
    assert Code.BUDGET_EXCEEDED.value in third.stderr
    assert "a limit of 1.00 USD; used or set aside: 0.80 USD, asked for: 0.40 USD" in third.stderr

    (shown,) = run.ok("budget", "show")["budgets"]
    assert {name: shown[name] for name in ("limit", "used", "reserved", "left", "percent")} == {
        "limit": "1.00", "used": "0.80", "reserved": "0.00", "left": "0.20", "percent": 80,
    }  # fmt: skip
    assert shown["resets_at"] > datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raised = run.ok("budget", "set", "--subject", "talent:operator", "--per", "day", "--limit", "1.2", *WHY)
    assert raised["before"] == "1.00"
    assert run.ok(*CUT, "--scene", scenes[2])["outcome"] == "converged"
    assert run.ok("budget", "show")["budgets"][0]["left"] == "0.00"

    (row,) = run.ok("cost")["costs"]
    assert row == {
        "group": "if://capability/vmix.switcher", "actions": 3, "writes": row["writes"], "tokens": 3000,
        "money": {"USD": "1.20"}, "reserved": {}, "decisions": 4, "per_decision": {"USD": "0.30"},
    }  # fmt: skip
    assert row["writes"] >= 3
    for by, group in {"talent": "if://person/operator", "target": "vmix@studio-a", "tenant": "default"}.items():
        assert [one["group"] for one in run.ok("cost", "--by", by)["costs"]] == [group]
    (day,) = run.ok("cost", "--by", "day", "--since", "1d")["costs"]
    assert day["money"] == {"USD": "1.20"}
    text = run("cost")
    assert "1.20 USD" in text.stdout and "0.30 USD" in text.stdout


def test_the_refusal_tells_when_to_ask_again(studio: Studio) -> None:
    run, _ = studio
    run.ok("budget", "set", "--subject", "tenant:default", "--unit", "requests", "--per", "day", "--limit", "2", *WHY)
    spent = 0
    for scene in ("Camera 2", "Intro", "Camera 1", "Camera 2"):
        answer: dict[str, Any] = _answer(run, scene)
        if "error" in answer:
            break
        spent += len(answer["plan"]["changes"])
    assert answer["error"]["code"] == Code.BUDGET_EXCEEDED.value
    assert 0 < answer["error"]["retry_after"] <= 86_400
    assert 0 < spent <= 2


def _answer(run: Ifctl, scene: str) -> dict[str, Any]:
    import json

    done: dict[str, Any] = json.loads(run(*CUT, "--scene", scene, "--json").stdout)
    return done


def test_a_budget_of_nothing_forbids_writes_and_not_plans(studio: Studio) -> None:
    run, vmix = studio
    subject = ("--subject", "capability:vmix.switcher", "--unit", "requests", "--per", "month")
    run.ok("budget", "set", *subject, "--limit", "0", *WHY)
    assert run.ok("capability", "plan", "vmix.switcher", "--scene", "Camera 2")["outcome"] == "planned"
    assert run(*CUT, "--scene", "Camera 2").exit_code == 1
    assert run.ok("budget", "remove", *subject, *WHY)["change"] == "removed"
    assert run.ok("budget", "show") == {"budgets": [], "doubted": []}
    assert run.ok(*CUT, "--scene", "Camera 2")["outcome"] == "converged"
    assert run.refused("budget", "remove", *subject, *WHY)[1] == Code.BUDGET_UNKNOWN.value


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--subject", "operator", "--limit", "1"], Code.USAGE),
        (["--subject", "talent:", "--limit", "1"], Code.USAGE),
        (["--subject", "talent:Nobody", "--limit", "1"], Code.TALENT_UNKNOWN),
        (["--subject", "talent:if://agent/Nobody", "--limit", "1"], Code.TALENT_UNKNOWN),
        (["--subject", "capability:Vmix", "--limit", "1"], Code.NAME_INVALID),
        (["--subject", "tenant:No Tenant", "--limit", "1"], Code.NAME_INVALID),
        (["--subject", "talent:operator", "--limit", "-1"], Code.USAGE),
        (["--subject", "talent:operator", "--limit", "1,50"], Code.USAGE),
        (["--subject", "talent:operator", "--limit", "0.0000001"], Code.USAGE),
        (["--subject", "talent:operator", "--limit", "9999999999"], Code.USAGE),
        (["--subject", "talent:operator", "--limit", "1", "--currency", "dollars"], Code.NAME_INVALID),
        (["--subject", "talent:operator", "--limit", "1.5", "--unit", "requests"], Code.USAGE),
        (["--subject", "talent:operator", "--limit", "1", "--unit", "tokens", "--currency", "USD"], Code.USAGE),
        (["--subject", "talent:operator", "--limit", "1", "--tenant", "other"], Code.USAGE),
        (["--subject", "talent:operator"], Code.USAGE),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(bare_home: Ifctl, words: list[str], code: Code) -> None:
    before = bare_home.ok("witness", "checkpoint")["size"]
    assert bare_home.refused("budget", "set", "--per", "day", *words, *WHY)[1] == code.value
    assert bare_home.ok("witness", "checkpoint")["size"] == before


@pytest.mark.parametrize("since", ["3x", "yesterday", "2026-13-01", "0d", "99999d"])
def test_a_day_that_is_none_is_refused(bare_home: Ifctl, since: str) -> None:
    assert bare_home.refused("cost", "--since", since)[1] == Code.USAGE.value


def test_a_budget_is_a_signed_record_in_the_log(bare_home: Ifctl) -> None:
    assert bare_home.refused("budget", "set", "--subject", "tenant:default", "--per", "day", "--limit", "1")[1] == (
        Code.WHY_REQUIRED.value
    )
    bare_home.ok("budget", "set", "--subject", "tenant:default", "--per", "month", "--limit", "0.0004", *WHY)
    (entry,) = bare_home.ok("witness", "query", "--kind", "budget.changed")["entries"]
    assert entry["body"]["value"]["limit"] == 400 and entry["body"]["signature"]
    assert "no budgets" not in bare_home("budget", "show").stdout
