"""docs/guests.md tells the truth: its bytes go over the boundary, its world is the shipped one, its code works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from foreign_guests import SDK_JS, WIT, build_javascript
from sandbox import World, component_program, plan, settings

from infrafabric.kernel.chassis import Chassis, Program, RunLimits
from infrafabric.kernel.chassis.engine import TABLE_ELEMENTS
from infrafabric.kernel.chassis.link import Link
from infrafabric.kernel.chassis.memories import MOST_MEMORIES
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.bundle import MAX_FILE_BYTES

PAGE = Path(__file__).parents[2].joinpath("docs", "guests.md").read_text("utf-8")
TALKS = re.findall(r"^```\n(> start.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


async def test_the_examples_are_what_goes_over_the_boundary(wat_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    request = Link.request

    def listening(link: Link, message: dict[str, Any], blob: bytes = b"") -> Any:
        answer = request(link, message, blob)
        if message["do"] in ("begin", "resume"):
            name, text = ("start ", message["call"]) if message["do"] == "begin" else ("resume", message["answer"])
            heard.append(f"> {name} {text}")

            def said(done: Any) -> None:
                ok, words = done.result()["steps"][-1]
                heard.append(f"< {'ok ' if ok else 'err'}    {words}")

            answer.add_done_callback(said)
        return answer

    monkeypatch.setattr(Link, "request", listening)
    made = component_program((wat_folder / "external.wasm").read_bytes())
    assert len(TALKS) == 3
    async with await Chassis.start(settings(workers=1, spares=0)) as chassis:
        for talk in TALKS:
            lines = talk.splitlines()
            call = orjson.loads(lines[0].removeprefix("> start  "))
            answers = iter([orjson.loads(line.removeprefix("> resume ")) for line in lines[2::2]])

            async def answer(_: dict[str, Any], answers: Any = answers) -> dict[str, Any]:
                given: dict[str, Any] = next(answers)
                return given

            argument = {name: value for name, value in call.items() if name not in ("op", "seed")}
            heard.clear()
            try:
                await chassis.run(made, call["op"], argument, seed=call["seed"], perform=answer)
            except FabricError as error:
                assert error.code is Code.TARGET_STATUS
            assert heard == lines


def test_the_world_and_the_limits_are_the_shipped_ones() -> None:
    (world,) = re.findall(r"```wit\n.*?(world adapter .*?\n})", PAGE, re.DOTALL)
    shipped = re.sub(r" *///.*\n", "", WIT.read_text())
    assert world in shipped
    assert f"may be {MOST_MEMORIES}" in PAGE
    assert f"{TABLE_ELEMENTS:,} elements" in PAGE
    assert f"{MAX_FILE_BYTES >> 20} MiB a file" in PAGE
    assert f"({RunLimits().memory_bytes >> 20} MiB)" in PAGE


def test_every_code_on_the_page_exists() -> None:
    codes = {code.rstrip("_") for code in re.findall(r"IF_ERR_[A-Z_]+", PAGE)}
    assert codes <= {code.value for code in Code}


@pytest.fixture(scope="module")
def lamp(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The page's own adapter."""
    (code,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(SDK_JS, folder)
    (folder / "adapter.mjs").write_text(code)
    build_javascript(folder / "adapter.mjs", folder / "adapter.wasm")
    return component_program((folder / "adapter.wasm").read_bytes())


async def test_the_javascript_works(sandbox: Chassis, lamp: Program) -> None:
    world = World({"status": 200, "headers": {}, "body": '{"brightness": 20}'})
    done = (await plan(sandbox, lamp, {"brightness": 80}, world=world)).done
    assert [change["args"] for change in done["changes"]] == [{"brightness": 80}]
    assert done["observed"] == {"brightness": 20}
    assert (await plan(sandbox, lamp, {"brightness": 20}, world=world)).done["changes"] == []
    broken = World({"status": 200, "headers": {}, "body": '{"brightness": 20, "broken": true}'})
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, lamp, {"brightness": 80}, world=broken)
    assert caught.value.code is Code.ADAPTER_REFUSED
