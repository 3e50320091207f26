"""`ifctl adapter new`: a small adapter that works, to start from. It sets a lamp's brightness over HTTP."""

from __future__ import annotations

from pathlib import Path

from infrafabric.control.starter_component import component_files
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id, product_of, short_name

__all__ = ["write_starter"]

MANIFEST = """\
# A draft: `ifctl adapter sign` fills in the files' digests and signs it.
id: if://capability/{name}
version: 0.1.0
summary: Set a lamp's brightness
kind: state                  # plan the difference between what is and what is wanted
runtime: python/1
entrypoint: adapter.py:Lamp
files: [adapter.py]

# What a caller may want. Titles and descriptions become the help of the command line's options.
intent:
  type: object
  additionalProperties: false
  required: [brightness]
  properties:
    brightness: {{type: integer, title: Brightness, description: In percent, minimum: 0, maximum: 100}}

requires: {{settings: [{prefix}_HOST, {prefix}_PORT], secrets: []}}
driver: http
base: "http://{{{prefix}_HOST}}:{{{prefix}_PORT}}"

# All that the adapter can ever ask for, word for word.
effects:
  state:
    read: GET /lamp
    summary: The lamp's state
  set:
    write: PUT /lamp
    summary: Set the brightness
    json: {{brightness: {{type: integer, minimum: 0, maximum: 100}}}}
    repeatable: true
    settle_s: 1
"""

ADAPTER = '''\
"""Sets a lamp's brightness. Runs in a sandbox: all it can do is read the effects of its manifest and answer a plan."""

from infrafabric.adapters.sdk import Adapter, Call, Change, Plan, Refuse


class Lamp(Adapter):
    async def plan(self, intent, host):
        state = (await host.read("state")).json()
        now, wanted = state["brightness"], intent["brightness"]
        if state.get("broken"):
            raise Refuse("the lamp says that it is broken")
        seen = {"brightness": now}  # an undo compares it, so that it never overwrites another hand
        if now == wanted:
            return Plan(observed=seen)
        change = Change(
            "set",
            {"brightness": wanted},
            before={"brightness": now},
            after={"brightness": wanted},
            inverse=Call("set", {"brightness": now}),
            summary=f"brightness {now} to {wanted}",
        )
        return Plan([change], observed=seen)
'''

TEST = '''\
"""Plain pytest: the adapter on recorded answers."""

import pytest
from infrafabric.control.harness import http_answer, play

from adapter import Lamp


def test_sets_the_brightness() -> None:
    played = play(Lamp, {"brightness": 80}, {"state": http_answer('{"brightness": 20}')})
    assert [change.args for change in played.plan.changes] == [{"brightness": 80}]


def test_has_nothing_to_do_when_it_is_so_already() -> None:
    assert not play(Lamp, {"brightness": 20}, {"state": http_answer('{"brightness": 20}')}).plan.changes


@pytest.mark.parametrize("wanted", [0, 100])
def test_the_inverse_restores(wanted: int) -> None:
    played = play(Lamp, {"brightness": wanted}, {"state": http_answer('{"brightness": 20}')})
    assert played.plan.changes[0].inverse.args == {"brightness": 20}
'''

CONFTEST = '''\
"""Its being here lets pytest find adapter.py."""
'''

SCENARIO = """\
# What `ifctl adapter check` runs. With `peer:` naming a module that starts a simulator, writes are checked as well.
manifests:
  manifest.yaml:
    cases:
      - {name: brighter, intent: {brightness: 80}, effects: [set], answers: {state: tests/dim.json}}
      - {name: as it is, intent: {brightness: 20}, effects: [], answers: {state: tests/dim.json}}
    refused:
      - {intent: {brightness: 50}, code: IF_ERR_ADAPTER_REFUSED, says: broken, answers: {state: tests/broken.json}}
"""

README = """\
# {name}

    ifctl adapter check .                     # conformance, in the sandbox
    pytest                                    # your own tests
    ifctl adapter sign . --out bundle         # sign it with your publisher key
    ifctl adapter install bundle
    ifctl trust publisher me --key own --pattern {name} --why "my own adapters"
    ifctl trust allow {name}@0.1.0 --why "read and checked"
    ifctl target add {product}@one {prefix}_HOST=10.0.0.7 {prefix}_PORT=80 --why "the lamp on my desk"
    ifctl talent grant --name operator --capability {name} --why "so that I can use it"
    ifctl capability plan {name} --brightness 80
    ifctl capability apply {name} --brightness 80 --why "it is getting dark"
"""

FILES = {
    "manifest.yaml": MANIFEST,
    "adapter.py": ADAPTER,
    "conformance.yaml": SCENARIO,
    "README.md": README,
    "conftest.py": CONFTEST,
    "tests/test_adapter.py": TEST,
    "tests/dim.json": '{"brightness": 20}\n',
    "tests/broken.json": '{"brightness": 20, "broken": true}\n',
}
FORMATTED = frozenset({"manifest.yaml", "README.md"})


def write_starter(folder: Path, name: str, runtime: str = "python/1") -> list[Path]:
    """Write the files into a new or empty folder: Python, or JavaScript for the runtime `component/1`.

    Raises IF_ERR_NAME_INVALID, IF_ERR_EXISTS, IF_ERR_FILE_UNWRITABLE.
    """
    files = component_files(FILES) if runtime == "component/1" else FILES
    name = short_name(capability_id(name))
    product = product_of(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FabricError(Code.EXISTS, f"{folder} exists and is not an empty folder")
    written = []
    try:
        for file, text in files.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            filled = text.format(name=name, product=product, prefix=product.upper()) if file in FORMATTED else text
            path.write_text(filled, encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise FabricError(Code.FILE_UNWRITABLE, f"{folder}: {error.strerror}") from None
    return written
