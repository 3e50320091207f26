"""What a conformance run found, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Finding", "Findings", "Report", "Verdict"]


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105  (a verdict)
    FAIL = "fail"
    SKIP = "skip"
    """Could not be shown here; `why` says what was missing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule, looked at in one case of the scenario ("" for rules about the manifest or the whole run)."""

    rule: str
    verdict: Verdict
    why: str
    """What was seen: for a failure, what differs; for a skip, what was missing."""
    case: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "verdict": self.verdict.value, "case": self.case, "why": self.why}


@dataclass(frozen=True, slots=True)
class Report:
    """All findings on one capability."""

    capability: str
    version: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Nothing failed, and something passed."""
        return not self.failures and any(finding.verdict is Verdict.PASS for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.verdict is Verdict.FAIL)

    @property
    def skipped(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.verdict is Verdict.SKIP)

    def as_json(self) -> dict[str, Any]:
        return {
            "capability": self.capability,
            "version": self.version,
            "passed": self.passed,
            "findings": [finding.as_json() for finding in self.findings],
        }


class Findings:
    """Findings as they are made, in order."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def ok(self, rule: str, why: str, case: str = "") -> None:
        self.all.append(Finding(rule, Verdict.PASS, why, case))

    def fail(self, rule: str, why: str, case: str = "") -> None:
        self.all.append(Finding(rule, Verdict.FAIL, why, case))

    def skip(self, rule: str, why: str, case: str = "") -> None:
        self.all.append(Finding(rule, Verdict.SKIP, why, case))

    def judge(self, rule: str, holds: bool, seen: str, otherwise: str, case: str) -> None:
        self.all.append(Finding(rule, Verdict.PASS if holds else Verdict.FAIL, seen if holds else otherwise, case))
