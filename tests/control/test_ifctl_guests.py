"""JavaScript and WAT adapters on the whole road: signed, installed, planned, applied, replayed, undone, proven."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from foreign_guests import build_javascript
from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.kernel.errors import Code

TITLE = ("vmix.title", "--input", "Lower Third")
HEADLINE = "Headline.Text"


@pytest.fixture
def house(vmix_home: Ifctl, simulator: VmixSimulator) -> Ifctl:
    """A home with a running vMix for target."""
    vmix_home.ok("target", "set", "vmix@studio-a", f"VMIX_PORT={simulator.port}", "--why", "a test")
    return vmix_home


def test_a_new_javascript_adapter_builds_as_its_package_says_and_passes_its_check(
    bare_home: Ifctl, tmp_path: Path
) -> None:
    folder = tmp_path / "lamp"
    assert "npm run build" in bare_home("adapter", "new", str(folder), "--runtime", "component/1").stdout
    before = bare_home("adapter", "check", str(folder), "--json")
    assert "has to be built before it is checked" in before.stdout

    npm_would = shlex.split(json.loads((folder / "package.json").read_text())["scripts"]["build"])
    wasm = folder / "built.wasm"
    build_javascript(folder / "adapter.mjs", wasm, command=npm_would[1:-1])
    wasm.rename(folder / npm_would[-1])
    checked = bare_home.ok("adapter", "check", str(folder))
    assert (checked["passed"], checked["reports"][0]["capability"]) == (True, "lamp.switch")


def furnish(run: Ifctl, folder: Path, manifest: str, place: Path) -> str:
    """Sign, install, allow and grant. The bundle's digest."""
    name = f"vmix.{manifest.removesuffix('.yaml')}"
    signed = run.ok("adapter", "sign", str(folder), "--manifest", manifest, "--out", str(place / name))
    run.ok("adapter", "install", str(place / name))
    run.ok("trust", "allow", f"{name}@0.1.0", "--why", "a test")
    run.ok("talent", "grant", "--name", "operator", "--capability", name, "--why", "a test")
    return str(signed["digest"])


def verified(run: Ifctl, receipt: Path, nowhere: Path) -> Any:
    vkey = run.ok("witness", "vkey")["vkey"]
    return Ifctl(nowhere).ok("witness", "verify", str(receipt), "--vkey", vkey)


def test_a_javascript_adapter_sets_a_title_and_takes_it_back(
    house: Ifctl, simulator: VmixSimulator, javascript_folder: Path, tmp_path: Path
) -> None:
    furnish(house, javascript_folder, "title.yaml", tmp_path)
    texts = simulator.studio.inputs[3].texts
    wanted = (*TITLE, "--set", f'texts={{"{HEADLINE}": "Tonight: \\"R&D\\" 😀"}}')

    planned = house.ok("capability", "plan", *wanted)
    assert [change["effect"] for change in planned["plan"]["changes"]] == ["set_text"]
    assert simulator.writes() == []
    dry = house.ok("capability", "apply", *wanted, "--dry-run")
    assert (dry["outcome"], dry["changes_digest"]) == ("dry_run", planned["changes_digest"])
    assert simulator.writes() == []

    receipt = tmp_path / "receipt.json"
    expected = ("--expect", planned["changes_digest"], "--receipt", str(receipt))
    applied = house.ok("capability", "apply", *wanted, "--why", "the show", *expected)
    assert (applied["outcome"], texts[HEADLINE]) == ("converged", 'Tonight: "R&D" 😀')
    assert verified(house, receipt, tmp_path / "nowhere")["verified"] is True

    replayed = house.ok("capability", "replay", applied["action"])
    assert replayed["runs"] == ["plan", "apply", "verify"]
    assert house.ok("capability", "apply", *wanted, "--why", "again")["outcome"] == "converged"
    assert len(simulator.writes()) == 1
    assert house.ok("capability", "undo", applied["action"], "--why", "a slip")["outcome"] == "undone"
    assert texts[HEADLINE] == "Welcome"


def test_a_javascript_adapter_that_only_looks_answers_and_writes_nothing(
    house: Ifctl, simulator: VmixSimulator, javascript_folder: Path, tmp_path: Path
) -> None:
    furnish(house, javascript_folder, "ready.yaml", tmp_path)
    receipt = tmp_path / "receipt.json"
    looked = ("capability", "apply", "vmix.ready", "--inputs", "Camera 1", "--why", "the show")
    ready = house.ok(*looked, "--receipt", str(receipt))
    assert (ready["outcome"], ready["plan"]["note"], ready["plan"]["changes"]) == ("converged", "ready", [])
    assert verified(house, receipt, tmp_path / "nowhere")["outcome"] == "converged"
    assert house.ok("capability", "replay", ready["action"])["runs"] == ["plan"]

    refused = house.refused("capability", "apply", "vmix.ready", "--set", "recording=true", "--why", "the show")
    assert refused == (1, Code.ADAPTER_REFUSED.value, "not ready: it does not record")
    assert simulator.writes() == []


def test_a_wat_adapter_starts_an_output_and_takes_it_back(
    house: Ifctl, simulator: VmixSimulator, wat_folder: Path, tmp_path: Path
) -> None:
    furnish(house, wat_folder, "external.yaml", tmp_path)
    receipt = tmp_path / "receipt.json"
    on = ("--set", "on=true")  # not --on, which names the target
    applied = house.ok("capability", "apply", "vmix.external", *on, "--why", "the show", "--receipt", str(receipt))
    assert (applied["outcome"], simulator.studio.external) == ("converged", True)
    assert verified(house, receipt, tmp_path / "nowhere")["verified"] is True
    assert house.ok("capability", "replay", applied["action"])["runs"] == ["plan", "apply", "verify"]
    assert house.ok("capability", "undo", applied["action"], "--why", "a slip")["outcome"] == "undone"
    assert simulator.studio.external is False


def test_a_device_that_says_yes_and_does_nothing_is_not_converged(
    house: Ifctl, simulator: VmixSimulator, wat_folder: Path, tmp_path: Path
) -> None:
    furnish(house, wat_folder, "external.yaml", tmp_path)
    simulator.faults.ignore.add("StartExternal")
    result = house("capability", "apply", "vmix.external", "--set", "on=true", "--why", "the show", "--json")
    assert (result.exit_code, json.loads(result.stdout)["outcome"]) == (1, "failed")


def test_the_kernels_refusal_keeps_its_code_through_any_guest(
    vmix_home: Ifctl, wat_folder: Path, javascript_folder: Path, tmp_path: Path
) -> None:
    furnish(vmix_home, wat_folder, "external.yaml", tmp_path)
    furnish(vmix_home, javascript_folder, "ready.yaml", tmp_path)
    for plan in (("vmix.external", "--set", "on=true"), ("vmix.ready", "--set", "recording=true")):
        assert vmix_home.refused("capability", "plan", *plan)[1] == Code.TARGET_UNREACHABLE.value


def test_a_component_built_anew_is_another_adapter(
    house: Ifctl, simulator: VmixSimulator, wat_folder: Path, tmp_path: Path
) -> None:
    """The digest that is trusted is that of the very bytes: one byte more and it is refused until it is allowed."""
    digest = furnish(house, wat_folder, "external.yaml", tmp_path)
    folder = tmp_path / "altered"
    shutil.copytree(wat_folder, folder)
    wasm = folder / "external.wasm"
    wasm.write_bytes(wasm.read_bytes().replace(b"start the external", b"START the external"))
    signed = house.ok("adapter", "sign", str(folder), "--manifest", "external.yaml", "--out", str(tmp_path / "other"))
    assert signed["digest"] != digest
    house.ok("adapter", "install", str(tmp_path / "other"))
    planned = house.ok("capability", "plan", "vmix.external", "--set", "on=true")
    assert planned["plan"]["changes"][0]["summary"] == "start the external output"
