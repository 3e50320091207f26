"""wasm to native code, in a process of its own: what is compiled may be a publisher's, and a compiler is large.

`python -I -m infrafabric.kernel.chassis.compiler RUNTIME CPU_S`: wasm on stdin, native code on stdout, nothing else.
Exit 0, or 3 when it imports something, 4 when it is not a component that can be run; the reason is then on stderr. Ends
by SIGXCPU when it has taken so many seconds of CPU time, by SIGABRT when it has no more memory.
"""

from __future__ import annotations

import sys

from wasmtime import WasmtimeError
from wasmtime.component import Component

from infrafabric.kernel.chassis.confine import confine
from infrafabric.kernel.chassis.engine import check_component, make_engine, own_engine

__all__ = ["IMPORTS", "INVALID", "main"]

IMPORTS, INVALID = 3, 4
MEMORY_BYTES = 4 << 30
"""Ten times what the component of python/1 takes."""


def bound(cpu_s: int) -> None:
    """A few kilobytes of wasm can keep a compiler busy for hours, as its analyses are not linear."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


def main() -> int:
    bound(int(sys.argv[2]))
    engine = make_engine(None)[0] if sys.argv[1] == "python/1" else own_engine()
    wasm = sys.stdin.buffer.read()
    if wasm[:4] != b"\0asm":
        sys.stderr.write("it is not WebAssembly")
        return INVALID
    confine(threads=True, output=True)
    try:
        component = Component(engine, wasm)
        imports, wrong = check_component(engine, component)
        native = component.serialize()
    except WasmtimeError as error:
        sys.stderr.write(" ".join(str(error).split())[:300])
        return INVALID
    if imports:
        sys.stderr.write("it imports " + ", ".join(imports)[:300])
        return IMPORTS
    if wrong:
        sys.stderr.write(", ".join(wrong))
        return INVALID
    sys.stdout.buffer.write(native)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
