"""First stage of the build: writes bytecode of every module that the component will hold into the folder `lean`.

A module that is compiled where it is imported leaves holes in the heap that is then the snapshot, and every run pays
for the size of that: a third of it. So modules are compiled here, without docstrings, asserts and column numbers.
componentize-py lets a guest write to its own folder while the component is made.
"""

import importlib._bootstrap_external as bootstrap
import sys
import types
from pathlib import Path

import prelude  # noqa: F401  imports what there is to write
import wit_world

OWN = Path(__file__).parent
LEAN = OWN / "lean"
BUILDER = ("lean", "wit_world", "componentize_py_types")
_NO_COLUMNS, _NO_LOCATION = 0xE8, 0xF8
"""First byte of an entry of a line table, see CPython's InternalDocs/code_objects.md; the low bits count units."""


def without_columns(code: types.CodeType) -> bytes:
    """The code's line table with line numbers alone."""
    table = bytearray()
    line = code.co_firstlineno
    for start, end, at in code.co_lines():
        for unit in range(start // 2, end // 2, 8):
            length = min(8, end // 2 - unit) - 1
            if at is None:
                table.append(_NO_LOCATION | length)
                continue
            table.append(_NO_COLUMNS | length)
            step, line = at - line, at
            number = (-step << 1 | 1) if step < 0 else step << 1
            while number > 0x3F:
                table.append(number & 0x3F | 0x40)
                number >>= 6
            table.append(number)
    return bytes(table)


def lean(code: types.CodeType) -> types.CodeType:
    constants = tuple(lean(one) if isinstance(one, types.CodeType) else one for one in code.co_consts)
    made = code.replace(co_linetable=without_columns(code), co_consts=constants)
    if [place[0] for place in made.co_positions()] != [place[0] for place in code.co_positions()]:
        raise RuntimeError(f"{code.co_qualname} has lost its line numbers")
    return made


def write(name: str, source: Path, package: bool) -> None:
    inner = name.replace(".", "/") + ("/__init__.py" if package else ".py")
    code = lean(compile(source.read_bytes(), inner, "exec", dont_inherit=True, optimize=2))
    path = LEAN / (inner + "c")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bootstrap._code_to_timestamp_pyc(code))


def library() -> None:
    """Of the standard library what was imported and has a source: the rest is frozen into the interpreter."""
    for name, module in sorted(sys.modules.items()):
        source = Path(getattr(module, "__file__", None) or "")
        frozen = name.startswith("importlib.") or not source.exists()
        if source.suffix == ".py" and not frozen and not source.is_relative_to(OWN) and name not in BUILDER:
            write(name, source, hasattr(module, "__path__"))


def own() -> None:
    """The adapter's side of the component: the guest's own files and the SDK."""
    for source in sorted(OWN.rglob("*.py")):
        if source.stem not in BUILDER:
            package = source.stem == "__init__"
            inner = source.relative_to(OWN)
            write(".".join((inner.parent if package else inner.with_suffix("")).parts), source, package)


class WitWorld(wit_world.WitWorld):
    def nothing(self):
        pass


library()
own()
