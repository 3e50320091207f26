"""`ifctl run` that is stopped or broken off: whenever that is, the answer is true, and what was done taken back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from homes import Ifctl
from sequences import MUSIC, NOWHERE, OPENER, TAG, Studio, undone, written

from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.kernel import Kernel

Act = Callable[[Ask, Callable[[], Awaitable[Report]]], Awaitable[Report]]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

LIMIT_S = 5.0


def ran(run: Ifctl, *steps: dict[str, Any], options: tuple[str, ...] = ("--why", "x")) -> tuple[int, dict[str, Any]]:
    result = run("run", "-", *options, "--json", stdin=json.dumps({"steps": steps}))
    answer: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, answer


def acting(monkeypatch: pytest.MonkeyPatch, instead: Act) -> None:
    """Have `instead` called for each ask, with what the kernel would do."""
    act = Kernel.act

    async def acts(self: Kernel, ask: Ask, *more: Any) -> Report:
        return await instead(ask, lambda: act(self, ask, *more))

    monkeypatch.setattr(Kernel, "act", acts)


def limited(number: signal.Signals) -> FabricError:
    """A refusal for the rate, and a signal that comes while it is waited for."""
    asyncio.get_running_loop().call_later(0.1, signal.raise_signal, number)
    return FabricError(Code.RATE_LIMITED, "too often", retry_after=LIMIT_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wait_for_a_rate_ends_with_the_run(
    show_studio: Studio, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    run, vmix = show_studio
    before = vmix.snapshot()
    times = []

    async def act(ask: Ask, does: Callable[[], Awaitable[Report]]) -> Report:
        times.append(ask.capability)
        if len(times) == 2:
            raise limited(number)
        return await does()

    acting(monkeypatch, act)
    status, answer = ran(run, MUSIC, TAG)
    assert (status, answer["outcome"], answer["stays"]) == (130, "undone", [])
    assert (answer["failed"], answer["error"]["code"]) == ("tag", Code.INTERRUPTED.value)
    tag = answer["steps"][1]
    assert (tag["begun"], tag["action"], tag["report"]) == (False, None, None)
    assert len(times) == 2, "it is not asked for again"
    assert vmix.snapshot() == before


def test_the_second_time_a_wait_to_take_back_ends(show_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    run, vmix = show_studio
    undo, asked = Kernel.undo, []

    async def limiting(self: Kernel, *args: Any, **more: Any) -> Report:
        asked.append(args)
        if len(asked) > 1:
            return await undo(self, *args, **more)
        asyncio.get_running_loop().call_later(0.3, signal.raise_signal, signal.SIGTERM)
        raise limited(signal.SIGINT)

    monkeypatch.setattr(Kernel, "undo", limiting)
    status, answer = ran(run, MUSIC, TAG, NOWHERE)
    assert (status, answer["outcome"], answer["stays"]) == (130, "failed", ["music", "tag"])
    assert answer["steps"][1]["undo_error"]["code"] == Code.INTERRUPTED.value
    assert (answer["failed"], len(asked)) == ("nowhere", 1)
    assert [request.function for request in vmix.writes()] == ["SetVolume", "OverlayInput1In"]


@pytest.mark.parametrize("steps", [(MUSIC,), (MUSIC, TAG)], ids=["only", "last"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_during_the_last_step_it_takes_back(
    show_studio: Studio, monkeypatch: pytest.MonkeyPatch, steps: tuple[dict[str, Any], ...], number: signal.Signals
) -> None:
    run, vmix = show_studio
    before, times = vmix.snapshot(), []

    async def act(ask: Ask, does: Callable[[], Awaitable[Report]]) -> Report:
        times.append(ask.capability)
        report = await does()
        if len(times) == len(steps):
            signal.raise_signal(number)
        return report

    acting(monkeypatch, act)
    status, answer = ran(run, *steps)
    assert (status, answer["outcome"], answer["stays"]) == (130, "undone", [])
    assert answer["error"]["code"] == Code.INTERRUPTED.value
    assert {step["undo"]["outcome"] for step in answer["steps"]} == {"undone"}
    assert vmix.snapshot() == before


def test_a_look_that_is_stopped_during_its_last_step_is_no_whole_look(
    show_studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, vmix = show_studio

    async def act(ask: Ask, does: Callable[[], Awaitable[Report]]) -> Report:
        report = await does()
        signal.raise_signal(signal.SIGINT)
        return report

    acting(monkeypatch, act)
    for options in (("--plan",), ("--plan-first", "--why", "x")):
        status, answer = ran(run, MUSIC, options=options)
        assert (status, answer["outcome"], answer["error"]["code"]) == (130, "refused", Code.INTERRUPTED.value)
    assert vmix.writes() == []


def test_a_fault_of_its_own_is_no_good_end(show_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    run, vmix = show_studio
    before, times = vmix.snapshot(), []

    async def act(ask: Ask, does: Callable[[], Awaitable[Report]]) -> Report:
        times.append(ask.capability)
        if len(times) == 2:
            raise RecursionError("a fault")
        return await does()

    acting(monkeypatch, act)
    status, answer = ran(run, MUSIC, TAG, NOWHERE)
    assert (status, answer["outcome"], answer["stays"], answer["failed"]) == (1, "undone", [], "tag")
    assert answer["error"]["code"] == answer["afterwards"]["code"] == Code.INTERNAL.value
    assert [step["begun"] for step in answer["steps"]] == [True, True, False]
    assert vmix.snapshot() == before


def test_a_log_that_cannot_be_asked_what_was_written_is_taken_for_a_write(
    show_studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infrafabric.control import sequence

    def unreadable(*_: object) -> bool:
        raise OSError("the disk is gone")

    run, vmix = show_studio
    before = vmix.snapshot()
    monkeypatch.setattr(sequence, "_wrote", unreadable)
    status, answer = ran(run, MUSIC, TAG)
    assert (status, answer["outcome"], answer["failed"]) == (1, "undone", "music")
    assert answer["error"]["code"] == Code.INTERNAL.value
    assert answer["steps"][1]["begun"] is False
    assert vmix.snapshot() == before


@pytest.mark.parametrize("fault", [RuntimeError("a fault"), KeyboardInterrupt()], ids=["fault", "cut off"])
def test_a_run_that_is_cut_off_says_neither_done_nor_nothing(
    show_studio: Studio, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    from infrafabric.control.sequence import Sequence

    run, _ = show_studio
    times = []

    async def act(ask: Ask, does: Callable[[], Awaitable[Report]]) -> Report:
        report = await does()
        times.append(ask)
        return report

    def heard(self: Sequence, *_: object) -> None:
        raise fault

    acting(monkeypatch, act)
    monkeypatch.setattr(Sequence, "_find_out", heard)
    status, answer = ran(run, MUSIC, TAG)
    assert (status, answer["outcome"]) == (1 if isinstance(fault, Exception) else 130, "failed")
    assert (answer["stays"], "error" in answer) == (["music"], True)
    assert len(times) == 1


def test_a_terminal_that_hangs_up_stops_the_run(show_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    run, vmix = show_studio
    before, times = vmix.snapshot(), []

    async def act(ask: Ask, does: Callable[[], Awaitable[Report]]) -> Report:
        times.append(ask.capability)
        report = await does()
        signal.raise_signal(signal.SIGHUP)
        return report

    acting(monkeypatch, act)
    known = signal.signal(signal.SIGHUP, lambda *_: None)  # so that a run which does not hear it ends as it would
    try:
        status, answer = ran(run, MUSIC, TAG)
        assert (status, answer["outcome"], len(times)) == (130, "undone", 1)
        assert vmix.snapshot() == before
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert ran(run, MUSIC)[1]["outcome"] == "done", "as under nohup"
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, known)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_ends_its_step_and_takes_back(
    show_studio: Studio, tmp_path: Path, number: signal.Signals
) -> None:
    run, vmix = show_studio
    before = vmix.snapshot()
    run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")  # the sandbox component is compiled then
    vmix.faults.delay_s = 0.4
    (tmp_path / "show.json").write_text(written(MUSIC, TAG, OPENER))
    with run.process("run", str(tmp_path / "show.json"), "--why", "x", "--json", "--trace-token", "1" * 32) as process:
        while not vmix.writes():
            assert process.poll() is None, process.communicate()
        process.send_signal(number)
        out, said = process.communicate(timeout=50)
    assert process.returncode == 130, said
    answer = json.loads(out)
    assert (answer["outcome"], answer["error"]["code"]) == ("undone", Code.INTERRUPTED.value)
    assert undone(answer) == {"music": "undone", "tag": None, "opener": None}
    assert vmix.snapshot() == before
    assert "Traceback" not in said


def test_stopped_twice_it_leaves_what_was_done(show_studio: Studio, tmp_path: Path) -> None:
    run, vmix = show_studio
    run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")
    vmix.faults.delay_s = 0.4
    (tmp_path / "show.json").write_text(written(MUSIC, TAG))
    with run.process("run", str(tmp_path / "show.json"), "--why", "x", "--json") as process:
        while not vmix.writes():
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=50)
    answer = json.loads(out)
    assert process.returncode == 130
    assert (answer["outcome"], answer["stays"], undone(answer)["music"]) == ("failed", ["music"], None)
    assert len(vmix.writes()) == 1
