"""docs/falsify.md and docs/stop.md tell the truth: their commands, their attempts, and the example."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from infrafabric.control.ifctl import ifctl
from infrafabric.kernel.errors import Code
from infrafabric.kernel.falsify.attempts import ATTEMPTS
from infrafabric.kernel.hooks import manager

if TYPE_CHECKING:
    from world import World

DOCS = Path(__file__).parents[2] / "docs"
FALSIFY, STOP = ((DOCS / name).read_text(encoding="utf-8") for name in ("falsify.md", "stop.md"))
pytestmark = pytest.mark.timeout(120)
LINES = re.findall(r"^    (ifctl [^#\n]*)", FALSIFY + STOP, re.MULTILINE)


@pytest.mark.parametrize("line", LINES)
def test_each_command_is_one_and_takes_its_options(line: str) -> None:
    words = shlex.split(line)[1:]
    name = words[: 2 if words[0] in ("action", "capability") else 1]
    done = CliRunner().invoke(ifctl, [*name, "--help"])
    assert done.exit_code == 0, done.output
    given = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--scene"}
    assert given <= set(re.findall(r"--[a-z-]+", done.output))


def test_the_table_names_every_attempt_in_the_order_in_which_it_is_made() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", FALSIFY, re.MULTILINE) == list(ATTEMPTS)


def test_every_code_that_the_pages_name_is_one() -> None:
    assert set(re.findall(r"IF_ERR_[A-Z_]+", FALSIFY + STOP)) <= {code.value for code in Code}


async def test_the_example_is_an_extension_whose_attempt_is_made(world: World) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", FALSIFY, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102
    plugins = manager()
    plugins.register(names["House"]())
    (offered,) = plugins.hook.attempts()
    async with world.opened() as house:
        house.kernel.parts.attempts = offered
        report = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, falsify=True))
    assert [one.said for one in report.attempts if one.name == "never-on-air"] == ["it does not cut"]
