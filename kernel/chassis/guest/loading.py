"""The adapter's own files, as modules of one package `bundle` in memory."""

import base64
import builtins
import marshal
import sys
import types

import prelude

__tracebackhide__ = True
PACKAGE = "bundle"


class EntrypointError(Exception):
    """The entrypoint names a file or class that is not there, or not an adapter."""


def module_name(filename: str) -> str:
    """`adapter.py` → `bundle.adapter`, `parts/mix.py` → `bundle.parts.mix`, `__init__.py` → `bundle`."""
    parts = filename.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join([PACKAGE, *parts])


def compile_file(source: str, name: str) -> types.CodeType:
    # For a SyntaxError CPython opens the file of that name, which traps. A name that cannot be encoded stops it.
    try:
        return _renamed(compile(source, name + "\ud800", "exec", dont_inherit=True), name)
    except SyntaxError as error:
        error.filename = name
        raise


def _renamed(code: types.CodeType, name: str) -> types.CodeType:
    constants = tuple(_renamed(one, name) if isinstance(one, types.CodeType) else one for one in code.co_consts)
    return code.replace(co_filename=name, co_consts=constants)


def compile_sources(files: dict[str, str], entrypoint: str) -> str:
    filename, _, _ = entrypoint.partition(":")
    if filename not in files:
        raise EntrypointError(f"the entrypoint's file {filename!r} is not in the bundle")
    codes = {
        module_name(name): (name, compile_file(source, name))
        for name, source in sorted(files.items())
        if name.endswith(".py")
    }
    return base64.b64encode(marshal.dumps(codes)).decode("ascii")


def _import(name, globals=None, locals=None, fromlist=(), level=0):
    """`__import__` as adapter code has it: its own files and the allowed part of the standard library."""
    if level == 0 and name != PACKAGE and not name.startswith(PACKAGE + "."):
        if name not in prelude.ALLOWED:
            raise ModuleNotFoundError(
                f"{name!r} is not there in the sandbox: an adapter has the sdk and part of the standard library",
                name=name,
            )
        for member in fromlist or ():
            if f"{name}.{member}" in sys.modules and f"{name}.{member}" not in prelude.ALLOWED:
                raise ModuleNotFoundError(f"'{name}.{member}' is not there in the sandbox", name=f"{name}.{member}")
    return builtins.__import__(name, globals, locals, fromlist, level)


BUILTINS = dict(vars(builtins), **prelude.GUARDED, __import__=_import)


class Finder:
    """Finds modules among the bytecode of the bundle and nowhere else; a module runs when it is first imported."""

    def __init__(self) -> None:
        self.codes = {}

    def find_spec(self, name, path=None, target=None):
        package = any(other.startswith(name + ".") for other in self.codes)
        if name != PACKAGE and name not in self.codes and not package:
            return None
        return ModuleSpec(name, self, is_package=package or name == PACKAGE)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        filename, code = self.codes.get(module.__name__, ("", None))
        module.__file__ = filename
        module.__builtins__ = BUILTINS
        if code is not None:
            exec(code, module.__dict__)  # noqa: S102


ModuleSpec = type(sys.__spec__)
finder = Finder()


def load(code: str, entrypoint: str) -> type:
    """The class that the entrypoint names, from bytecode made by `compile_sources`."""
    filename, _, class_name = entrypoint.partition(":")
    finder.codes = marshal.loads(base64.b64decode(code))  # noqa: S302  made in a guest of the same publisher
    module = builtins.__import__(module_name(filename), fromlist=["*"])
    found = module.__dict__.get(class_name)
    if not isinstance(found, type):
        raise EntrypointError(f"{filename} has no class {class_name!r}")
    return found


def install() -> None:
    sys.meta_path.append(finder)
    # Exercise the path once, so that what it touches is in the snapshot.
    code = compile_sources({"warm.py": "class Warm:\n    x = 1\n"}, "warm.py:Warm")
    load(code, "warm.py:Warm")
    finder.codes = {}
    for name in (PACKAGE, PACKAGE + ".warm"):
        sys.modules.pop(name)
