"""Two kernels on one home would write one log from two sides: the second waits, then is refused; a reader is not."""

from __future__ import annotations

from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.home import Home
from infrafabric.kernel.errors import Code


def test_the_second_is_refused_while_the_first_has_the_home(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    (run.home / "infrafabric.toml").write_text("lock_wait_s = 0.2\n")
    with Home.open(run.home).lock as first:
        first.acquire(0)
        for command in (
            ["capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "x"],
            ["capability", "plan", "vmix.switcher", "--scene", "Intro"],
            ["target", "add", "vmix@b", "--why", "x"],
            ["trust", "renew", "--why", "x"],
            ["secret", "list"],
        ):
            status, code, message = run.refused(*command)
            assert (status, code) == (1, Code.HOME_LOCKED.value)
            assert "process" in message
        assert run.ok("target", "list")["targets"] != []
        assert run.ok("witness", "verify")["verified"] is True
    assert vmix.requests == []


def test_commands_started_at_once_take_their_turns(bare_home: Ifctl) -> None:
    (bare_home.home / "infrafabric.toml").write_text("lock_wait_s = 45\n")
    names = [f"vmix@studio-{number}" for number in range(6)]
    running = [bare_home.process("target", "add", name, "--why", "at once") for name in names]
    for process in running:
        _, said = process.communicate(timeout=50)
        assert process.returncode == 0, said
    assert [target["name"] for target in bare_home.ok("target", "list")["targets"]] == names
    assert bare_home.ok("witness", "verify")["verified"] is True


def test_a_home_taken_over_from_a_killed_kernel_goes_on(bare_home: Ifctl) -> None:
    (bare_home.home / "infrafabric.toml").write_text("lock_wait_s = 20\n")
    with Home.open(bare_home.home).lock as first:
        first.acquire(0)
        with bare_home.process("target", "add", "vmix@a", "--why", "x") as waiting:
            assert waiting.stderr is not None
            assert "waiting for process" in waiting.stderr.readline()
            waiting.kill()
            waiting.wait()
    bare_home.ok("target", "add", "vmix@b", "--why", "x")
    assert [target["name"] for target in bare_home.ok("target", "list")["targets"]] == ["vmix@b"]
