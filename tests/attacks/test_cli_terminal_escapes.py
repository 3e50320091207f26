"""An adapter, a publisher or the world writes terminal escapes and bidirectional characters, so that a person who is
asked to look at a plan sees another one. Nothing that someone else wrote reaches the terminal unescaped."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from homes import Ifctl
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.control.cli.untrusted import visible
from infrafabric.control.demo.simulator import VmixSimulator

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[1;32mAPPROVED\u202e\u2066 [bold]x[/bold] :smile:\x9b31m\u200b"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def hidden(text: str) -> set[str]:
    return {character for character in text if unicodedata.category(character) in HIDDEN and character != "\n"}


ADAPTER = f"""\
from infrafabric.adapters.sdk import Adapter, Change, Plan, Refuse

EVIL = {EVIL!r}


class Lamp(Adapter):
    async def plan(self, intent, host):
        if intent["brightness"] == 1:
            raise Refuse(EVIL)
        change = Change(
            "set", {{"brightness": 5}}, before={{EVIL: EVIL}}, after={{EVIL: EVIL + "!"}}, summary=EVIL, hazards=[]
        )
        return Plan([change], note=EVIL)
"""


@pytest.fixture
def evil_home(bare_home: Ifctl, tmp_path: Path, simulator: VmixSimulator) -> Ifctl:
    """A home where a publisher whom the operator trusted turns out to write escapes wherever it can."""
    source = tmp_path / "lamp"
    bare_home.ok("adapter", "new", str(source))
    (source / "adapter.py").write_text(ADAPTER)
    manifest = source / "manifest.yaml"
    text = manifest.read_text()
    text = text.replace("summary: Set a lamp's brightness", f"summary: {json.dumps(EVIL)}")
    text = text.replace("title: Brightness", f"title: {json.dumps(EVIL)}")
    text = text.replace("summary: The lamp's state", f"summary: {json.dumps(EVIL)}")
    manifest.write_text(text)
    bare_home.ok("adapter", "sign", str(source), "--out", str(tmp_path / "bundle"))
    bare_home.ok("adapter", "install", str(tmp_path / "bundle"))
    bare_home.ok("trust", "publisher", "acme", "--key", "own", "--pattern", "lamp.*", "--why", "x")
    bare_home.ok("trust", "allow", "lamp.switch@0.1.0", "--why", "x")
    settings = ("LAMP_HOST=127.0.0.1", f"LAMP_PORT={simulator.port}", "--allow-address", "loopback")
    bare_home.ok("target", "add", "lamp@desk", *settings, "--why", EVIL)
    bare_home.ok("talent", "grant", "--name", "operator", "--capability", "lamp.switch", "--why", "x")
    return bare_home


@pytest.mark.parametrize(
    "command",
    [
        ["capability", "plan", "lamp.switch", "--brightness", "5"],
        ["capability", "plan", "lamp.switch", "--brightness", "1"],
        ["capability", "plan", "lamp.switch", "--help"],
        ["capability", "list"],
        ["capability", "show", "lamp.switch"],
        ["witness", "query"],
        ["witness", "show", "6"],
    ],
    ids=["plan", "refusal", "help", "list", "show", "query", "entry"],
)
@pytest.mark.parametrize("answer", [[], ["--json"]], ids=["text", "json"])
def test_nothing_hidden_reaches_the_terminal(evil_home: Ifctl, command: list[str], answer: list[str]) -> None:
    evil_home("capability", "plan", "lamp.switch", "--brightness", "1")
    result = evil_home(*command, *answer)
    assert hidden(result.stdout) == set()
    assert hidden(result.stderr) == set()


def test_what_the_adapter_says_is_shown_as_its_own_words(evil_home: Ifctl) -> None:
    shown = evil_home("capability", "plan", "lamp.switch", "--brightness", "5").stdout
    assert "the adapter says (untrusted): \\x1b]0;owned\\x07" in shown
    assert "\\u202e" in shown
    assert "[bold]x[/bold] :smile:" in shown


def test_what_was_typed_is_escaped_as_well(bare_home: Ifctl) -> None:
    for command in (["capability", "show", EVIL], ["target", "remove", EVIL, "--why", "x"], [EVIL]):
        result = bare_home(*command)
        assert result.exit_code != 0
        assert hidden(result.output) == set()


@given(st.text(), st.integers(1, 80))
def test_visible_hides_nothing_and_is_bounded(text: str, cap: int) -> None:
    shown = visible(text, cap)
    assert hidden(shown) == set()
    assert "\n" not in shown
    assert len(shown) <= 10 * cap + 40


@given(st.text(st.characters(categories=["L", "N", "P"]), max_size=50))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text
