"""The chassis: guests in WebAssembly, in confined worker processes, and runs that can be repeated exactly.

    chassis.py   the public face: load, run, replay          (in the kernel's process)
    program.py   what it is told and answers              (in the kernel's process)
    drive.py     one run, from first step to last         (in the kernel's process)
    steps.py     what a guest may say, checked            (in the kernel's process)
    pool.py      which worker serves whom                    (in the kernel's process)
    link.py      one worker as the kernel sees it            (in the kernel's process)
    cache.py     compiled components, under a MAC            (in the kernel's process)
    kept.py      components that ran here, for replays       (in the kernel's process)
    memories.py  how many memories a component declares      (in the kernel's process)
    compiler.py  wasm to native code                         (a process of its own, confined)
    worker.py    runs guests                                 (a process of its own, confined)
    process.py   how processes are started               (in the kernel's process)
    engine.py    wasmtime as it is set up here               (in both of those)
    confine.py   what those two may still ask of the system
    guest/       what is inside the component of `python/1`

Workers start through this `__init__`, so what it offers is imported when it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infrafabric.kernel.chassis.chassis import Chassis
    from infrafabric.kernel.chassis.program import ChassisSettings, Program, Run, RunLimits

__all__ = ["Chassis", "ChassisSettings", "Program", "Run", "RunLimits"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from infrafabric.kernel.chassis import chassis, program

    return getattr(chassis if name == "Chassis" else program, name)
