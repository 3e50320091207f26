"""`ifctl watch` where its rate is reached, and where a signal ends it before it has its answer."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any

import pytest
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.watched import News, Pace, Watched
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.kernel import Kernel
from infrafabric.kernel.words.plan import Outcome

Studio = tuple[Ifctl, VmixSimulator]
WATCH = ("watch", "vmix.switcher", "--scene", "Intro", "--json")
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def limiting(
    monkeypatch: pytest.MonkeyPatch, times: int, wait_s: float, number: signal.Signals | None = None
) -> list[str]:
    """Turn the first asks away for their rate; the answer grows with each ask."""
    act, asked = Kernel.act, list[str]()

    async def acts(self: Kernel, ask: Ask, *more: Any) -> Report:
        asked.append(ask.purpose)
        if len(asked) > times:
            return await act(self, ask, *more)
        if number is not None:
            asyncio.get_running_loop().call_later(0.1, signal.raise_signal, number)
        raise FabricError(Code.RATE_LIMITED, "asked for too often", retry_after=wait_s)

    monkeypatch.setattr(Kernel, "act", acts)
    return asked


@posix
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(("option", "status"), [((), 0), (("--once",), 130), (("--for", "1h"), 130)], ids=str)
def test_a_wait_for_a_rate_ends_with_the_watch(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, option: tuple[str, ...], status: int
) -> None:
    run, vmix = studio
    asked = limiting(monkeypatch, 1, 5, number)
    known = signal.signal(number, signal.default_int_handler)  # one that is ignored, as under nohup, stays so
    try:
        result = run(*WATCH, *option)
    finally:
        signal.signal(number, known)
    assert (result.exit_code, result.stdout, asked) == (status, "", ["plan"])
    assert vmix.requests == []


@posix
def test_once_that_is_stopped_after_it_saw_all_in_sync_says_so(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    run, vmix = studio
    vmix.by_hand("CutDirect", Input="3")
    act = Kernel.act

    async def acts(self: Kernel, *args: Any) -> Report:
        report = await act(self, *args)
        signal.raise_signal(signal.SIGINT)
        return report

    monkeypatch.setattr(Kernel, "act", acts)
    assert run(*WATCH, "--once").exit_code == 0
    vmix.by_hand("CutDirect", Input="2")
    result = run(*WATCH, "--once")
    assert (result.exit_code, [event["event"] for event in lines(result.stdout)]) == (130, ["drift"])


def test_a_rate_that_takes_longer_is_told_and_tried_again(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    run, vmix = studio
    monkeypatch.setattr("infrafabric.control.patience.PATIENCE_S", 0.05)
    asked = limiting(monkeypatch, 2, 0.5)
    result = run(*WATCH, "--every", "1s", "--for", "4s")
    events = lines(result.stdout)
    assert (result.exit_code, [event["event"] for event in events]) == (1, ["failed", "recovered", "drift"])
    assert events[0]["error"]["code"] == Code.RATE_LIMITED.value
    assert events[0]["retry_in_s"] == 1
    assert not events[0]["report"]["action"]
    assert len(asked) > 2


def test_an_apply_that_is_turned_away_for_its_rate_is_told(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    run, vmix = studio
    monkeypatch.setattr("infrafabric.control.patience.PATIENCE_S", 0.05)
    act = Kernel.act

    async def acts(self: Kernel, ask: Ask, *more: Any) -> Report:
        if ask.purpose == "apply":
            raise FabricError(Code.RATE_LIMITED, "asked for too often", retry_after=90)
        return await act(self, ask, *more)

    monkeypatch.setattr(Kernel, "act", acts)
    result = run(*WATCH, "--once", "--apply", "--why", "x")
    events = lines(result.stdout)
    assert (result.exit_code, [event["event"] for event in events]) == (1, ["drift", "failed"])
    assert vmix.writes() == []


def test_once_does_not_promise_to_look_again(vmix_home: Ifctl) -> None:
    result = vmix_home(*WATCH[:-1], "--once")
    assert "unreachable" in result.stdout
    assert "again in" not in result.stdout
    (event,) = lines(vmix_home(*WATCH, "--once").stdout)
    assert "retry_in_s" not in event


@pytest.mark.parametrize(("asked", "pause"), [(None, 2), (1.0, 2), (30.0, 30), (1e9, 300)])
def test_a_refusal_says_how_long_to_wait_but_not_for_ever(asked: float | None, pause: float) -> None:
    watched = Watched(Pace(every_s=60), applying=True)
    error = FabricError(Code.RATE_LIMITED, "too often", retry_after=asked)
    refused = Report("", "t", "plan", "if://capability/x.y", "x@z", Outcome.REFUSED, error)
    (event,) = watched.looked(refused, 0)
    assert (event.news, event.pause_s, watched.pause_s) == (News.FAILED, pause, pause)
