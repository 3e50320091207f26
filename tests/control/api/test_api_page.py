"""docs/api.md says what is so: its sessions answer as they say, its Python runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio
from homes import Ifctl
from pages import Page
from served import Served, listening

from infrafabric.keys.signing import SigningKey

TEXT = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
SEED = b"\x07" * 32


def test_its_sessions_answer_so(bare_home: Ifctl, tmp_path: Path) -> None:
    assert Page(TEXT).run(bare_home, tmp_path) >= 4


async def test_its_signed_request_is_taken(served: Served) -> None:
    agent = await served.talent("Finance.Agent", key=SigningKey.from_seed(SEED))
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    async with listening(served.app) as port:
        names: dict[str, Any] = {"seed": SEED, "base": f"http://127.0.0.1:{port}"}
        await anyio.to_thread.run_sync(exec, snippet, names)
    assert (names["answer"].status_code, names["answer"].json()["talent"]) == (200, agent)


async def test_its_limits_are_the_settings(served: Served) -> None:
    serve = served.house.settings.serve
    assert (serve.body_bytes, serve.header_bytes) == (1 << 20, 32 << 10)
    assert (serve.signature_s, serve.session_s, serve.session_idle_s) == (300, 12 * 3_600, 2 * 3_600)
    assert serve.refused_burst == 50
