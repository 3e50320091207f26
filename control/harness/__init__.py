"""The author's harness: run an adapter on recorded answers under plain pytest, in the sandbox, against a real peer.

from infrafabric.control.harness import play

def test_cuts_to_the_scene() -> None:
    plan = play(Switcher, {"scene": "Intro"}, {"state": STATE_XML}).plan
    assert [change.effect for change in plan] == ["cut"]
"""

from infrafabric.control.harness.conformance import check
from infrafabric.control.harness.recorded import Failure, Performed, Played, http_answer, perform, play
from infrafabric.control.harness.report import Finding, Report, Verdict
from infrafabric.control.harness.scenario import read_scenario

__all__ = [
    "Failure",
    "Finding",
    "Performed",
    "Played",
    "Report",
    "Verdict",
    "check",
    "http_answer",
    "perform",
    "play",
    "read_scenario",
]
