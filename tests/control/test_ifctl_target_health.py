"""The health column of `ifctl target list`: what the last kernel noted, and what --check finds."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from homes import Ifctl
from lasting_peers import TOKEN, House

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.health import Seen, forget_health, known_health, note_drivers, note_health, noting
from infrafabric.kernel.ports import Driver, Health


def health(run: Ifctl, *options: str) -> Any:
    return {row["name"]: row["health"] for row in run.ok("target", "list", *options)["targets"]}


def test_a_target_that_was_never_tried_says_so(vmix_home: Ifctl) -> None:
    assert health(vmix_home) == {"vmix@studio-a": None}
    assert "not tried" in vmix_home("target", "list").stdout


def test_a_narrow_table_leaves_nothing_out(vmix_home: Ifctl) -> None:
    host = "a-studio-with-a-name-of-some-length.example.org"
    vmix_home.ok("target", "set", "vmix@studio-a", f"VMIX_HOST={host}", "--why", "x")
    table = vmix_home("target", "list", COLUMNS="60").stdout
    assert "…" not in table
    settings = "".join(row.split("│")[2].strip() for row in table.splitlines() if row.count("│") == 6)
    assert f"VMIX_HOST={host}" in settings


def test_an_action_leaves_word(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, _ = studio
    run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")
    known = {"state": "up", "detail": "", "latency_ms": ANY, "reconnects": 0, "at": ANY}
    assert health(run) == {"vmix@studio-a": known}
    assert "up, " in run("target", "list").stdout
    note = run.home / "health.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600


def test_an_action_that_reached_nothing_leaves_word_too(vmix_home: Ifctl) -> None:
    vmix_home.refused("capability", "plan", "vmix.switcher", "--scene", "Intro")
    seen = health(vmix_home)["vmix@studio-a"]
    assert (seen["state"], seen["latency_ms"]) == ("down", None)
    assert "127.0.0.1:1" in seen["detail"]


def test_check_reaches_the_target_and_does_nothing_to_it(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, simulator = studio
    before = run.ok("witness", "query")
    assert health(run, "--check")["vmix@studio-a"]["state"] == "up"
    assert health(run)["vmix@studio-a"]["state"] == "up"
    assert simulator.writes() == []
    assert run.ok("witness", "query") == before


def test_check_needs_no_reason_and_takes_no_longer_than_it_must(vmix_home: Ifctl) -> None:
    for number in range(4):
        settings = ("VMIX_HOST=127.0.0.1", f"VMIX_PORT={number + 2}", "--allow-address", "loopback")
        vmix_home.ok("target", "add", f"vmix@n{number}", *settings, "--why", "x")
    vmix_home.ok("target", "add", "obs@stream", "--why", "x")
    found = health(vmix_home, "--check")
    assert found.pop("obs@stream") is None, "no adapter for it is installed"
    assert {seen["state"] for seen in found.values()} == {"down"}
    assert len(found) == 5


def test_a_changed_or_removed_target_is_another(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, simulator = studio
    run.ok("target", "list", "--check")
    run.ok("target", "set", "vmix@studio-a", "VMIX_HOST=127.0.0.2", "--why", "x")
    assert health(run) == {"vmix@studio-a": None}
    run.ok("target", "list", "--check")
    run.ok("target", "remove", "vmix@studio-a", "--why", "x")
    assert known_health(run.home) == {}


# --- a lasting connection, its secret, and what it says


def test_check_is_let_in_and_asks_for_nothing(house_home: Ifctl, living_house: House) -> None:
    assert health(house_home, "--check")["house@one"]["state"] == "up"
    assert (living_house.connections, living_house.heard) == (1, [])


def test_check_says_who_does_not_let_us_in(house_home: Ifctl, living_house: House) -> None:
    living_house.token = "another"
    seen = health(house_home, "--check")["house@one"]
    assert seen["state"] == "refused"
    assert "auth_invalid" in seen["detail"]
    assert TOKEN not in (house_home.home / "health.json").read_text()
    assert "refused" in house_home("target", "list").stdout


def test_a_peer_that_stalls_costs_no_more_than_the_check(
    house_home: Ifctl, living_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mute(connection: Any) -> None:
        await connection.wait_closed()

    living_house.greeting = mute
    monkeypatch.setattr("infrafabric.control.health.CHECK_S", 0.3)
    began = time.monotonic()
    seen = health(house_home, "--check")["house@one"]
    assert (seen["state"], seen["detail"]) == ("down", "no connection within 0.3 s")
    assert time.monotonic() - began < 5


def test_what_a_target_lacks_is_said(house_home: Ifctl) -> None:
    house_home.ok("target", "set", "house@one", "--unset", "HOUSE_TOKEN", "--why", "x")
    assert health(house_home, "--check")["house@one"]["detail"] == "it lacks HOUSE_TOKEN"


# --- the note


SEEN = Seen("up", "", 1.5, 0, "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"targets": []}',
        '{"targets": {"a@b": 1}}',
        '{"targets": {"a@b": {"state": "well"}}}',
        "\xff",
        "[" * 100_000,
        '{"targets": ' + '{"a":' * 100_000,
        *(
            '{"targets": {"a@b": {"state": "up", "detail": "", "reconnects": 0, "at": "", "latency_ms": '
            + latency
            + "}}}"
            for latency in ("1e999", "-1e999", "NaN", "Infinity", "-1", "1" + "0" * 400, "true")
        ),
    ],
)
def test_a_damaged_note_is_no_knowledge(tmp_path: Path, text: str) -> None:
    (tmp_path / "health.json").write_text(text, "latin-1")
    assert known_health(tmp_path) == {}
    note_health(tmp_path, {"a@b": SEEN}, ["a@b"])
    assert known_health(tmp_path) == {"a@b": SEEN}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"targets": {"x@y": {"latency_ms": NaN}}}'], ids=["deep", "NaN"])
def test_a_damaged_note_does_not_spoil_an_action(studio: tuple[Ifctl, VmixSimulator], text: str) -> None:
    run, _ = studio
    (run.home / "health.json").write_text(text)
    run.ok("capability", "plan", "vmix.switcher", "--scene", "Intro")
    assert health(run)["vmix@studio-a"]["state"] == "up"


def test_the_note_keeps_what_is_still_there(tmp_path: Path) -> None:
    note_health(tmp_path, {"a@b": SEEN, "c@d": SEEN}, ["a@b", "c@d"])
    note_health(tmp_path, {"e@f": SEEN}, ["a@b", "e@f"])
    assert set(known_health(tmp_path)) == {"a@b", "e@f"}
    forget_health(tmp_path, "a@b")
    assert set(known_health(tmp_path)) == {"e@f"}
    assert [path.name for path in tmp_path.iterdir()] == ["health.json"]
    assert json.loads((tmp_path / "health.json").read_text())["targets"]["e@f"]["at"] == "2026-01-01T00:00:00Z"


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    note_health(tmp_path / "gone", {"a@b": SEEN}, ["a@b"])
    assert known_health(tmp_path / "gone") == {}


class Told:
    """As much of a driver as a note is made from."""

    def __init__(self, found: Health) -> None:
        self.found = found

    def health(self) -> dict[str, Health]:
        return {"a@b": self.found}


async def test_a_running_kernel_notes_what_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrafabric.control.health.NOTE_S", 0.01)
    told = Told(Health("up"))
    drivers: list[Any] = [told]
    async with noting(tmp_path, drivers, lambda: ["a@b"]):
        for state in ("up", "refused", "down"):
            told.found = Health(state)
            async with asyncio.timeout(5):
                while "a@b" not in known_health(tmp_path) or known_health(tmp_path)["a@b"].state != state:
                    await asyncio.sleep(0.01)
        told.found = Health("up")
    assert known_health(tmp_path)["a@b"].state == "up", "the last word is at the end"


def test_a_target_that_one_driver_reached_is_up(tmp_path: Path) -> None:
    drivers: list[Any] = [Told(Health("up", "", 2.0)), Told(Health("down", "no port"))]
    for order in (drivers, drivers[::-1]):
        told: list[Driver] = order
        note_drivers(tmp_path, told, ["a@b"])
        seen = known_health(tmp_path)["a@b"]
        assert (seen.state, seen.detail, seen.latency_ms) == ("up", "no port", 2.0)
