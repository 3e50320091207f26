"""A peer that takes the connection for signals and says nothing: meanwhile another hand moves what was planned for."""

from __future__ import annotations

import socket
import threading
import time

from homes import Ifctl

from infrafabric.control.demo.simulator import VmixSimulator


def test_what_moved_while_the_signals_were_opened_is_not_overwritten(studio: tuple[Ifctl, VmixSimulator]) -> None:
    run, vmix = studio
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def meddle() -> None:
            connection, _ = silent.accept()
            with connection:
                time.sleep(1.2)
                vmix.studio.program = next(item for item in vmix.studio.inputs if item.title == "Guest")
                time.sleep(3)

        hand = threading.Thread(target=meddle)
        hand.start()
        port = silent.getsockname()[1]
        run.ok("target", "set", "vmix@studio-a", f"VMIX_TCP_PORT={port}", "--why", "a test")
        _, code, _ = run.refused("capability", "apply", "vmix.switcher", "--scene", "Intro", "--why", "a test")
        hand.join()
    assert code == "IF_ERR_PLAN_STALE"
    assert vmix.program == "Guest" and vmix.writes() == []
