"""docs/run.md and docs/watch.md tell the truth: commands, options, the form of a list, and the events."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from infrafabric.control.ifctl import ifctl
from infrafabric.control.steps import read_steps
from infrafabric.control.watched import News, Pace
from infrafabric.registry import plain_yaml

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("run", "watch")}
EXAMPLES = sorted((DOCS / "examples").glob("*.yaml"))


@pytest.mark.parametrize("name", sorted(PAGES))
def test_each_option_that_a_page_gives_its_command_is_one(name: str) -> None:
    help_text = CliRunner().invoke(ifctl, [name, "--help"]).output
    rows = re.findall(r"^\| `(--[a-z-]+)", PAGES[name], re.MULTILINE)
    assert rows
    assert set(rows) <= set(re.findall(r"--[a-z-]+", help_text))
    own = {"--help", "--json", "--home", "--passphrase-file", "--why", "--trace-token"}
    told = set(re.findall(r"--[a-z-]+", PAGES[name]))
    assert set(re.findall(r"--[a-z-]+", help_text)) - own <= told


def test_the_usual_pace_is_the_one_on_the_page() -> None:
    assert "`--every TIME` | how often to look, `1s` to `30d`; one minute unless given" in PAGES["watch"]
    assert "[default: 1m]" in CliRunner().invoke(ifctl, ["watch", "--help"]).output
    assert Pace().every_s == 60


def test_each_event_is_told_of() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", PAGES["watch"], re.MULTILINE)
    assert rows == [news.value for news in News]


def test_the_form_on_the_page_is_the_form() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGES["run"], re.DOTALL)
    assert found is not None
    (step,) = read_steps(found[1].encode()).steps
    assert (step.id, step.on, step.hazards) == ("opener", "vmix@studio-a", ("live-output",))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_each_example_is_a_list_and_fits_the_schema(path: Path) -> None:
    steps = read_steps(path.read_bytes())
    assert len({step.id for step in steps.steps}) == len(steps.steps)
    schema = json.loads((DOCS / "steps.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(plain_yaml.loads(path.read_bytes()))


def test_the_schema_takes_steps_without_a_name_and_no_unknown_member() -> None:
    schema = json.loads((DOCS / "steps.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    step = {"capability": "vmix.switcher", "intent": {}}
    validator.validate({"steps": [step]})
    assert not validator.is_valid({"steps": [{**step, "when": "now"}]})
    assert not validator.is_valid({"steps": []})
