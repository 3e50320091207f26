"""`ifctl watch`: wanted and actual compared again and again, through the whole kernel, and drift applied if told so."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from homes import Ifctl
from world import World

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.operator import OPERATOR
from infrafabric.control.steps import Step, Steps
from infrafabric.control.watched import Event, News, Pace
from infrafabric.control.watching import Watch
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.keys.passphrase import Passphrase

Studio = tuple[Ifctl, VmixSimulator]
WATCH = ("watch", "vmix.switcher", "--scene", "Intro")
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# --- once


def test_once_says_in_sync_or_drift_by_its_exit_status(studio: Studio) -> None:
    run, vmix = studio
    drift = run(*WATCH, "--once", COLUMNS="80")
    assert drift.exit_code == 1
    assert "  ~ drift  vmix.switcher on vmix@studio-a\n  ~ change-1  cut  ⚠ live-output\n" in drift.stdout
    assert "Plan: 0 to add, 1 to change, 0 to remove.\n" in drift.stdout
    vmix.by_hand("CutDirect", Input="3")
    in_sync = run(*WATCH, "--once")
    assert (in_sync.exit_code, in_sync.stdout.count("\n")) == (0, 1)
    assert "✓ in sync  vmix.switcher on vmix@studio-a" in in_sync.stdout
    assert vmix.writes() == []


def test_once_and_apply_brings_it_about(studio: Studio) -> None:
    run, vmix = studio
    result = run(*WATCH, "--once", "--apply", "--why", "the show needs it", "--json")
    assert result.exit_code == 0
    drift, applied = lines(result.stdout)
    assert (drift["event"], drift["report"]["counts"]) == ("drift", {"add": 0, "change": 1, "remove": 0})
    assert (applied["event"], applied["report"]["outcome"], applied["applies"]) == ("applied", "converged", 1)
    assert vmix.program == "Intro"
    received = run.ok("witness", "query", "--kind", "action.received", "--limit", "2")["entries"]
    assert {row["body"]["purpose"] for row in received} == {"plan", "apply"}
    assert {row["body"]["why"] for row in received} == {"the show needs it"}
    assert {row["body"]["trace"] for row in received} == {applied["report"]["trace"]}


def test_once_with_a_target_that_is_away(vmix_home: Ifctl) -> None:
    result = vmix_home(*WATCH, "--once", "--json")
    (event,) = lines(result.stdout)
    assert (result.exit_code, event["event"], event["error"]["code"]) == (1, "unreachable", "IF_ERR_TARGET_UNREACHABLE")


def test_a_list_is_watched_step_by_step(show_studio: Studio) -> None:
    run, vmix = show_studio
    steps = [
        {"id": "music", "capability": "vmix.audio", "intent": {"input": "Music", "volume": 60}},
        {"id": "opener", "capability": "vmix.switcher", "intent": {"scene": "Intro"}},
    ]
    listed = json.dumps({"steps": steps})
    result = run("watch", "--file", "-", "--once", "--json", stdin=listed)
    assert result.exit_code == 1
    assert {event["id"]: event["event"] for event in lines(result.stdout)} == {"music": "in_sync", "opener": "drift"}
    result = run("watch", "--file", "-", "--once", "--apply", "--why", "x", stdin=listed)
    assert (result.exit_code, vmix.program) == (0, "Intro")
    assert "✓ applied  opener: vmix.switcher on vmix@studio-a" in result.stdout


# --- wrong calls


@pytest.mark.parametrize(
    ("args", "status", "code"),
    [
        (["watch"], 2, Code.USAGE),
        (["watch", "--file", "-", "vmix.switcher"], 2, Code.USAGE),
        (["watch", "--file", "-", "--on", "vmix@studio-a"], 2, Code.USAGE),
        ([*WATCH, "--once", "--for", "1m"], 2, Code.USAGE),
        ([*WATCH, "--every", "0s"], 2, Code.USAGE),
        ([*WATCH, "--every", "soon"], 2, Code.USAGE),
        ([*WATCH, "--for", "31d"], 2, Code.USAGE),
        ([*WATCH, "--apply"], 2, Code.WHY_REQUIRED),
        (["watch", "vmix.switcher", "--nonsense", "1"], 2, Code.USAGE),
        (["watch", "obs.scene"], 1, Code.CAPABILITY_UNKNOWN),
        (["watch", "vmix.switcher", "--set", "scene=3", "--set", "nonsense=1"], 1, Code.INTENT_INVALID),
        ([*WATCH, "--on", "vmix@nowhere"], 1, Code.TARGET_UNKNOWN),
        ([*WATCH, "--on", "no target"], 1, Code.TARGET_UNKNOWN),
        ([*WATCH, "--as", "nobody"], 1, Code.TALENT_UNKNOWN),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_ends_before_the_first_look(vmix_home: Ifctl, args: list[str], status: int, code: Code) -> None:
    assert vmix_home.refused(*args, stdin="")[:2] == (status, code.value)


def test_a_refusal_is_one_line_of_json_too(vmix_home: Ifctl) -> None:
    result = vmix_home(*WATCH, "--on", "vmix@nowhere", "--json")
    assert [event["error"]["code"] for event in lines(result.stdout)] == [Code.TARGET_UNKNOWN.value]


async def test_an_event_has_no_state_to_watch(world: World) -> None:
    run = Ifctl(world.home.root)
    refused = await asyncio.to_thread(run.refused, "watch", "house.bell", "--tone", "low")
    assert refused[:2] == (2, Code.USAGE.value)
    assert "house.bell is an event" in refused[2]
    assert world.peer.writes == []


# --- as a process


@contextmanager
def watching(run: Ifctl, *args: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[], dict[str, Any]]]]:
    """A watch under way, and a way to have its next event."""
    with run.process(*args, "--every", "1s", "--json") as process:
        assert process.stdout is not None

        def event() -> dict[str, Any]:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()
            found: dict[str, Any] = json.loads(line)
            return found

        try:
            yield process, event
        finally:
            if process.poll() is None:
                process.kill()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_tells_of_changes_only_and_ends_cleanly(studio: Studio, number: signal.Signals) -> None:
    run, vmix = studio
    with watching(run, *WATCH, "--trace-token", "2" * 32) as (process, event):
        assert event()["event"] == "drift"
        vmix.by_hand("CutDirect", Input="3")
        assert event()["event"] == "in_sync"
        seen = len(vmix.requests)
        while len(vmix.requests) < seen + 2:
            assert process.poll() is None
        vmix.by_hand("CutDirect", Input="2")
        drift = event()
        assert (drift["event"], drift["report"]["plan"]["changes"][0]["before"]) == ("drift", {"program": "2 Camera 2"})
        process.send_signal(number)
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in said
    assert vmix.writes() == []
    newest = run.ok("witness", "query", "--limit", "1")["entries"]
    assert [row["kind"] for row in newest] == ["kernel.stopped"]
    looks = run.ok("witness", "query", "--trace-token", "2" * 32, "--kind", "action.closed")["entries"]
    assert len(looks) == len(vmix.requests)  # each look is on record
    assert {row["body"]["outcome"] for row in looks} == {"planned"}


@posix
def test_drift_is_applied_and_another_hand_taken_back(studio: Studio) -> None:
    run, vmix = studio
    with watching(run, *WATCH, "--apply", "--why", "on air") as (process, event):
        assert [event()["event"], event()["event"]] == ["drift", "applied"]
        vmix.by_hand("CutDirect", Input="2")
        assert [event()["event"], event()["event"]] == ["drift", "applied"]
        assert vmix.program == "Intro"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


@posix
def test_other_commands_are_told_what_holds_the_home(studio: Studio) -> None:
    run, _ = studio
    (run.home / "infrafabric.toml").write_text("lock_wait_s = 0.1\n")
    with watching(run, *WATCH) as (process, event):
        event()
        result = run("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "x", "--json")
        error = json.loads(result.stdout)["error"]
        assert (result.exit_code, error["code"]) == (1, Code.HOME_LOCKED.value)
        assert f"process {process.pid}" in error["message"]
        assert "ifctl watch" in error["remedy"]
        assert run("capability", "list").exit_code == 0
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert run("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "x").exit_code == 0


@posix
def test_it_ends_with_its_reader(studio: Studio) -> None:
    run, vmix = studio
    with watching(run, *WATCH) as (process, event):
        event()
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        vmix.by_hand("CutDirect", Input="3")
        assert process.wait(timeout=30) == 1
        assert "Traceback" not in process.stderr.read()
    assert run.ok("witness", "query", "--limit", "1")["entries"][0]["kind"] == "kernel.stopped"


def test_for_ends_in_time_and_anchors_meanwhile(studio: Studio, tmp_path: Path) -> None:
    run, vmix = studio
    place = tmp_path / "anchors"
    place.mkdir()
    (run.home / "infrafabric.toml").write_text(f'[witness]\nanchors = ["{place}"]\nanchor_every_s = 1\n')
    result = run(*WATCH, "--for", "2s", "--every", "1s", "--json")
    assert result.exit_code == 1
    assert [event["event"] for event in lines(result.stdout)] == ["drift"]
    assert list(place.glob("*.checkpoint"))
    vmix.by_hand("CutDirect", Input="3")
    assert run(*WATCH, "--for", "1s", "--every", "1s").exit_code == 0


# --- what goes wrong, in the kernel's own process

INTRO = Steps.model_validate({"steps": [{"capability": "vmix.switcher", "intent": {"scene": "Intro"}}]}).steps
QUICK = Pace(every_s=0.05, window_s=60, longest_s=0.2, least_s=0.01)


async def watched(
    house: House, until: Callable[[list[News]], bool], *, apply: bool = False, pace: Pace = QUICK
) -> list[Event]:
    """The events of a watch on the Intro scene until they are as `until` wants them."""
    events: list[Event] = []

    def tell(step: Step, event: Event) -> None:
        events.append(event)
        if until([one.news for one in events]):
            watch.stop()

    watch = Watch(house, INTRO, OPERATOR, "a test", new_trace_id(), pace, tell, apply)
    async with asyncio.timeout(40):
        await watch.run()
    return events


async def opened(run: Ifctl, vmix: VmixSimulator) -> Any:
    target = ("target", "set", "vmix@studio-a", f"VMIX_PORT={vmix.port}", "--why", "a test")
    await asyncio.to_thread(run.ok, *target)
    return open_house(Home.open(run.home), "acting", passphrase=Passphrase(environ={}))


async def test_a_desk_that_goes_away_and_comes_back_is_told_twice(vmix_home: Ifctl) -> None:
    """Also where it was away for so long that its breaker opened."""
    (vmix_home.home / "infrafabric.toml").write_text("[governor]\nopen_s = 2\n")
    vmix = VmixSimulator()
    await vmix.start()

    def until(news: list[News]) -> bool:
        if news == [News.DRIFT]:
            asyncio.get_running_loop().create_task(vmix.stop())
        if news[-1:] == [News.UNREACHABLE]:
            asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(vmix.start()))
        return len(news) == 4

    async with await opened(vmix_home, vmix) as house:
        events = await watched(house, until)
    await vmix.stop()
    assert [event.news for event in events] == [News.DRIFT, News.UNREACHABLE, News.RECOVERED, News.DRIFT]


async def test_what_the_desk_tells_of_itself_is_looked_at_at_once(vmix_home: Ifctl) -> None:
    async with VmixSimulator() as vmix:
        tally = ("target", "set", "vmix@studio-a", f"VMIX_TCP_PORT={vmix.tcp_port}", "--why", "a test")
        await asyncio.to_thread(vmix_home.ok, *tally)
        async with await opened(vmix_home, vmix) as house:

            def until(news: list[News]) -> bool:
                if news == [News.DRIFT]:
                    asyncio.get_running_loop().call_later(0.2, lambda: vmix.by_hand("CutDirect", Input="3"))
                return news == [News.DRIFT, News.IN_SYNC]

            events = await watched(house, until, pace=Pace(every_s=3_600))
        assert [event.news for event in events] == [News.DRIFT, News.IN_SYNC]
        assert len([request for request in vmix.requests if request.door == "http"]) < 10


async def test_two_hands_on_one_scene_do_not_fight_for_ever(vmix_home: Ifctl) -> None:
    async with VmixSimulator() as vmix, await opened(vmix_home, vmix) as house:

        def until(news: list[News]) -> bool:
            if news[-1] is News.APPLIED:
                vmix.by_hand("CutDirect", Input="2")
            return news[-1] is News.FIGHTING

        events = await watched(house, until, apply=True)
        writes = len(vmix.writes())
    assert [event.news for event in events] == [News.DRIFT, News.APPLIED] * 5 + [News.DRIFT, News.FIGHTING]
    assert (events[-1].applies, events[-1].applying, writes) == (5, False, 5)


async def test_a_desk_that_says_yes_and_does_nothing_is_never_applied(vmix_home: Ifctl) -> None:
    async with VmixSimulator() as vmix, await opened(vmix_home, vmix) as house:
        vmix.faults.ignore = {"*"}
        events = await watched(house, lambda news: news.count(News.FAILED) == 2, apply=True)
    assert [event.news for event in events] == [News.DRIFT, News.FAILED, News.FAILED]
    assert {event.error.code for event in events if event.error is not None} == {Code.NOT_CONVERGED}


async def test_a_scene_that_is_no_longer_there_is_told_and_its_return_too(vmix_home: Ifctl) -> None:
    async with VmixSimulator() as vmix, await opened(vmix_home, vmix) as house:
        intro = vmix.studio.inputs[2]

        def until(news: list[News]) -> bool:
            if news == [News.DRIFT]:
                intro.title = intro.short_title = "Outro"
            if news[-1] is News.FAILED:
                intro.title = intro.short_title = "Intro"
            return len(news) == 4

        events = await watched(house, until)
    assert [event.news for event in events] == [News.DRIFT, News.FAILED, News.RECOVERED, News.DRIFT]
    assert events[1].error is not None and events[1].error.code is Code.ADAPTER_REFUSED


async def test_a_log_that_takes_no_entry_ends_the_watch(vmix_home: Ifctl, monkeypatch: pytest.MonkeyPatch) -> None:
    from infrafabric.kernel.errors import FabricError
    from infrafabric.kernel.kernel import Kernel

    async def full(self: Kernel, *_: object, **__: object) -> None:
        raise FabricError(Code.LOG_STOPPED, "no room for the next entry")

    async with VmixSimulator() as vmix, await opened(vmix_home, vmix) as house:
        with monkeypatch.context() as patched:
            patched.setattr(Kernel, "act", full)
            with pytest.raises(ExceptionGroup) as raised:
                await watched(house, lambda news: False)
    assert [error.code for error in raised.value.exceptions if isinstance(error, FabricError)] == [Code.LOG_STOPPED]
