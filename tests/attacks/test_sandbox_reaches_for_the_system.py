"""An adapter tries what a program can usually do. It gets an error that says so, and the guest has nothing to give."""

from __future__ import annotations

import pytest
from sandbox import plan

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

ABSENT = [
    "os",
    "socket",
    "time",
    "sys",
    "subprocess",
    "ctypes",
    "importlib",
    "asyncio",
    "threading",
    "posix",
    "io.open",
]
REFUSED = {
    "print": "print('x')",
    "open": "open('/etc/passwd')",
    "input": "input()",
    "a clock": "import datetime\ndatetime.datetime.now()",
    "a date": "from datetime import date\ndate.today()",
    "entropy": "import uuid\nuuid.uuid4()",
    "system randomness": "import random\nrandom.SystemRandom().random()",
}


@pytest.mark.parametrize("module", ABSENT)
async def test_modules_that_reach_out_are_not_there(sandbox: Chassis, module: str) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, f"import {module}\nreturn Plan()")
    assert caught.value.code is Code.ADAPTER_FAILED
    assert "ModuleNotFoundError" in caught.value.message
    assert "is not there in the sandbox" in caught.value.message


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
async def test_what_would_reach_out_says_why_it_cannot(sandbox: Chassis, body: str) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, body + "\nreturn Plan()")
    assert caught.value.code is Code.ADAPTER_FAILED
    assert "PermissionError" in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        "modules = [c for c in object.__subclasses__() if c.__name__ == '_wrap_close'][0].__init__.__globals__\n"
        "modules['open']('/etc/passwd')",
        "import random\nrandom._os.open('/etc/passwd', 0)",
        "import random\nrandom._os.listdir('/')",
        "import random\nrandom._os.environ['HOME']",
        "import random\nrandom._os.system('id')",
        "import random\nrandom._os.kill(1, 9)",
        "raise SystemExit(0)",
        "raise KeyboardInterrupt",
        "import random\nrandom._os.abort()",
        "import random\nrandom._os.write(1, b'x')",
    ],
)
async def test_going_round_the_seal_finds_nothing(sandbox: Chassis, body: str) -> None:
    """The seal is courtesy; what holds is that the component imports nothing."""
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, body + "\nreturn Plan(note='it worked')")
    assert caught.value.code in {Code.ADAPTER_FAILED, Code.SANDBOX_TRAP}
