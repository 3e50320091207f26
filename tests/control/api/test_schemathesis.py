"""schemathesis over the OpenAPI document of a served house: whatever it sends, the answers are as the document says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from served import Served, listening

from infrafabric.control.api.frame.rates import Rates

SETTINGS = """
[checks.positive_data_acceptance]
# What fits the document may still name what is not there, contradict the home, or lack its precondition.
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 410, 412, 413, 422, 428, 429, "5xx"]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 421, 422, 428, 429, 431]

[checks.missing_required_header]
expected-statuses = [400, 401, 403, 412, 422, 428]
"""
APART = ("/v1/events", "/v1/messages", "/v1/adapters", "/readyz", "/v1/keys/{key_id}/revoke")
"""Without an end of their own, of a body that JSON Schema cannot say, rightly 503 once a stop was set on the way, or
the end of the key that it works with: they have tests of their own."""


@pytest.mark.timeout(300)
async def test_it_finds_nothing(served: Served, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    key = await served.key()
    # Otherwise its many bad credentials would be told to wait, where it looks for a refusal of each.
    served.service.door._refused = Rates("refused", 100_000, 100_000)
    async with listening(served.app) as port:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"http://127.0.0.1:{port}/v1/openapi.json",
            "--header", f"Authorization: Bearer {key}", "--checks", "all", "--phases", "examples,coverage,fuzzing",
            "--max-examples", "5", "--max-time", "45", "--seed", "5", "--generation-database", "none", "--no-color",
            "--no-shrink", "--request-timeout", "20", "--suppress-health-check", "all", "--continue-on-failure",
            "--generation-with-security-parameters", "false",
        ]  # fmt: skip
        for path in APART:
            command += ["--exclude-path", path]
        done = await anyio.run_process(command, cwd=tmp_path, check=False, stderr=subprocess.STDOUT)
    report = done.stdout.decode()
    assert done.returncode == 0, report[-20_000:]
    selected, tested = (re.search(rf"{word}:\s+(\d+)", report) for word in ("Selected", "Tested"))
    assert selected is not None
    assert tested is not None
    assert (int(tested[1]) >= 60, tested[1]) == (True, selected[1])
