"""What ran on a former component replays on that very component, and on no other."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from wasmtime import wat2wasm

import infrafabric.control.starting as starting
from infrafabric.kernel.chassis.kept import KeptComponents
from infrafabric.kernel.chassis.program import COMPONENT_FILE
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome

if TYPE_CHECKING:
    from world import World


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another component: the present one and a custom section, which alters its digest and nothing that it does."""
    name, said = b"made-by", b"a former release"
    section = bytes([len(name)]) + name + said
    path = tmp_path_factory.mktemp("former") / "python-1.wasm"
    path.write_bytes(COMPONENT_FILE.read_bytes() + bytes([0, len(section)]) + section)
    return path


async def acted(world: World, former: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An action that ran on the former component."""
    present = starting.chassis_settings

    def then(*args: Any) -> Any:
        return replace(present(*args), component=former)

    with monkeypatch.context() as before:
        before.setattr(starting, "chassis_settings", then)
        async with world.opened() as house:
            report = await house.kernel.act(world.lamps(hall=True))
            assert house.kernel.parts.chassis.runtime_digest == digest(former)
    assert report.outcome is Outcome.CONVERGED
    return report.action


def digest(component: Path) -> str:
    return f"sha256:{hashlib.sha256(component.read_bytes()).hexdigest()}"


async def test_it_replays_there_and_new_work_does_not(
    world: World, former: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = await acted(world, former, monkeypatch)
    async with world.opened() as house:
        assert house.kernel.parts.chassis.runtime_digest == digest(COMPONENT_FILE)
        assert set(KeptComponents(world.home.components, 8).sizes()) == {digest(former), digest(COMPONENT_FILE)}
        before = house.kernel.parts.chassis.pids
        assert (await house.kernel.replay(action)).runs == ("plan", "verify")
        assert set(house.kernel.parts.chassis.pids) <= set(before), "its worker was its own, and is gone"
        report = await house.kernel.act(world.lamps(porch=True))
        runtimes = {body["runtime"] for _, _, body in house.log.entries(report.action) if body and "runtime" in body}
        assert runtimes == {digest(COMPONENT_FILE)}
        kept = world.home.components / f"{digest(former).removeprefix('sha256:')}.wasm"
        await refused(house, action, kept)
    assert world.peer.writes == ["POST /lamps/hall", "POST /lamps/porch"]


async def refused(house: Any, action: str, kept: Path) -> None:
    """Altered or removed, it is refused with its name and what to do."""
    content = kept.read_bytes()
    kept.unlink()
    kept.write_bytes(content[:-1] + b"X")
    for said in ("was altered", "is not kept"):
        with pytest.raises(FabricError) as refusal:
            await house.kernel.replay(action)
        assert refusal.value.code is Code.REPLAY_UNAVAILABLE
        assert said in refusal.value.message and str(kept) in refusal.value.remedy
        kept.unlink(missing_ok=True)


async def test_one_that_imports_something_is_not_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.opened() as house:
        imports = bytes(wat2wasm('(component (import "outside" (func)))'))
        runtime = f"sha256:{hashlib.sha256(imports).hexdigest()}"
        (world.home.components / f"{runtime.removeprefix('sha256:')}.wasm").write_bytes(imports)
        with pytest.raises(FabricError) as refusal:
            async with house.kernel.parts.chassis.of(runtime):
                pass
    assert refusal.value.code is Code.REPLAY_UNAVAILABLE
    assert "it imports outside" in refusal.value.message


def test_the_newest_stay_and_the_present_one_always(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    runtimes = []
    for number in range(5):
        wasm = b"wasm %d" % number
        component = tmp_path / f"{number}.wasm"
        component.write_bytes(wasm)
        runtimes.append(f"sha256:{hashlib.sha256(wasm).hexdigest()}")
        KeptComponents(folder, 3).keep(component, wasm, runtimes[-1])
    kept = KeptComponents(folder, 3)
    assert set(kept.sizes()) == set(runtimes[2:])
    assert kept.find(runtimes[4]).read_bytes() == b"wasm 4"
    KeptComponents(folder, 1).keep(tmp_path / "2.wasm", b"wasm 2", runtimes[2])
    assert set(kept.sizes()) == {runtimes[2]}


def test_where_no_link_can_be_made_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError(18, "another device")

    monkeypatch.setattr("os.link", link)
    runtime = f"sha256:{hashlib.sha256(b'wasm').hexdigest()}"
    kept = KeptComponents(tmp_path / "kept", 3)
    kept.keep(tmp_path / "gone.wasm", b"wasm", runtime)
    assert kept.find(runtime).read_bytes() == b"wasm"
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".wasm"]


@pytest.mark.parametrize("runtime", ["sha256:../../etc/passwd", "", "sha256:" + "0" * 63, "sha256:" + "0" * 64])
def test_what_is_not_there_or_no_digest_is_unavailable(tmp_path: Path, runtime: str) -> None:
    with pytest.raises(FabricError) as refusal:
        KeptComponents(tmp_path, 3).find(runtime)
    assert refusal.value.code is Code.REPLAY_UNAVAILABLE
