"""docs/messages.md tells the truth: its sessions, its example and its tables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from envelopes import draft
from homes import Ifctl
from pages import Page

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.door_settings import MessageSettings
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.messages import Content, Envelope, Wanted
from infrafabric.transports.envelopes.opening import open_envelope

TEXT = (Path(__file__).parents[3] / "docs" / "messages.md").read_text(encoding="utf-8")


@pytest.mark.timeout(120)
def test_its_sessions_answer_as_it_says(studio: tuple[Ifctl, VmixSimulator], tmp_path: Path) -> None:
    ifctl, _ = studio
    folder = tmp_path / "desk"
    folder.mkdir()
    assert Page(TEXT).run(ifctl, folder) == 11


def test_its_signature_is_the_kernels() -> None:
    names: dict[str, Any] = {}
    (code,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    exec(compile(code, "messages.md", "exec"), names)  # noqa: S102 - the page's own example
    members = names["sign"](draft(1), os.urandom(32))
    assert open_envelope(orjson.dumps(members), 1 << 16).is_signed()


def test_its_table_has_each_member_of_an_envelope() -> None:
    table = TEXT[TEXT.index("## The envelope") : TEXT.index("Two members of `content`")]
    first = {
        name for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert first == set(Envelope.model_fields)
    for name in set(Content.model_fields) | set(Wanted.model_fields):
        assert re.search(rf"\b{name}\b", TEXT), name


def test_its_codes_and_settings_exist() -> None:
    for code in re.findall(r"IF_ERR_\w+", TEXT):
        assert code in set(Code), code
    for code in Code:
        assert not code.value.startswith("IF_ERR_MESSAGE_") or code.value in TEXT, code
    for name in ("bytes", "skew_s", "nonces_each", "sender_rps", "streams_each"):
        assert name in MessageSettings.model_fields
        assert f"{name}`" in TEXT or f" {name}`" in TEXT
