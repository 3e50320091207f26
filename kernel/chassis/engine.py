"""wasmtime as it is set up here: no host functions, an epoch for CPU time, pooled memory, strings in and out.

Imported by workers and the compiler only; the kernel's own process never holds a guest. wasmtime-py's public calls
copy a guest's string three times before its length is known and look up types on every call, so calls go through its
private bindings, as the pooling allocator has to: `pyproject.toml` pins the version.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from enum import Enum
from typing import Any

from wasmtime import Config, Engine, Store, WasmtimeError, _bindings, _ffi
from wasmtime.component import Component, FuncType, Linker, ResultType, String

__all__ = ["CONFIGURATION", "Guest", "GuestFault", "Pooling", "Reason", "check_component", "make_engine", "own_engine"]

CONFIGURATION = {
    "epoch_interruption": True,
    "wasm_threads": False,  # one guest, one thread
    "wasm_memory64": False,
    "wasm_gc": False,  # its heap counts towards no limit
    "wasm_exceptions": False,  # their objects live in it
    "wasm_relaxed_simd": False,  # its results differ from one CPU to another
    "cranelift_nan_canonicalization": True,  # so do the bits of a NaN
    "max_wasm_stack": 1 << 20,
}
"""What decides the native code that is made; part of the cache's key. Pooling does not."""

THREAD_STACK = 16 << 20
"""Stack of the thread that runs guests, bytes. With 512 KiB deep recursion in a guest is a SIGSEGV of the worker."""

MEMORIES = 2
"""Linear memories that the Python component may have; it has one. More would cost every slot that much."""

TABLE_ELEMENTS = 60_000
"""In one table; each takes 8 bytes that count as no memory."""

EXPORTS = ("start", "resume")
SIGNATURE = "func(string) -> result<string, string>"


class Reason(Enum):
    """Why a guest call came to no answer."""

    CPU = "cpu"
    MEMORY = "memory"
    STACK = "stack"
    OUTPUT = "output"
    TRAP = "trap"
    SIGNATURE = "signature"


class GuestFault(Exception):
    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Pooling:
    """Memory kept ready for guests. Without it every plan pays some 700 page faults."""

    slots: int
    """Guests that may exist at once."""
    memory_bytes: int
    """Linear memory that one guest may have."""
    keep_resident: int = 16 << 20
    """Bytes of a slot that are reset by copying rather than unmapped; with 8 MiB 470 faults a plan remain."""


def own_engine() -> Engine:
    """The engine for components of their own. They come to a worker after it is confined, when no memory file can be
    made any more, so their memory is filled by copying and not by mapping an image."""
    config = _configured()
    config.memory_init_cow = False
    return Engine(config)


def make_engine(pooling: Pooling | None) -> tuple[Engine, str]:
    """The engine for the shared component, and a note where it lacks what was asked for."""
    note = ""
    config = _configured()
    if pooling is not None:
        try:
            _pool(config, pooling)
        except (AttributeError, ctypes.ArgumentError) as error:
            note = f"guests' memory is not pooled, each plan is slower: this wasmtime lacks {error}"
            config = _configured()
    try:
        return Engine(config), note
    except WasmtimeError as error:
        if pooling is None or note:
            raise
        return Engine(_configured()), f"guests' memory is not pooled, each plan is slower: {str(error)[:200]}"


def _configured() -> Config:
    config = Config()
    for name, value in CONFIGURATION.items():
        setattr(config, name, value)
    return config


def _pool(config: Config, pooling: Pooling) -> None:
    pool = _bindings.wasmtime_pooling_allocation_config_new()
    slots = pooling.slots
    try:
        for name, value in (
            ("total_component_instances", slots),
            ("total_core_instances", slots * 120),
            ("total_memories", slots * MEMORIES),
            ("total_tables", slots * 60),
            ("max_memory_size", pooling.memory_bytes),
            ("table_elements", TABLE_ELEMENTS),
            ("max_component_instance_size", 8 << 20),
            ("max_core_instance_size", 8 << 20),
            ("max_core_instances_per_component", 120),
            ("max_memories_per_component", MEMORIES),
            ("max_tables_per_component", 60),
            ("max_unused_warm_slots", slots),
            ("linear_memory_keep_resident", pooling.keep_resident),
        ):
            getattr(_bindings, f"wasmtime_pooling_allocation_config_{name}_set")(pool, value)
        _bindings.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
    finally:
        _bindings.wasmtime_pooling_allocation_config_delete(pool)


def check_component(engine: Engine, component: Component) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of what the component imports, and what is wrong with its exports. Both must be empty for it to be run."""
    kind = component.type
    exports = kind.exports(engine)
    wrong = [f"it does not export {name}" for name in EXPORTS if name not in exports]
    wrong += [f"its {name} is no {SIGNATURE}" for name in EXPORTS if name in exports and not _fits(exports[name])]
    return tuple(sorted(kind.imports(engine))), tuple(wrong)


def _fits(export: Any) -> bool:
    try:
        function = export.ty
        if not isinstance(function, FuncType):
            return False
        given, result = [kind for _, kind in function.params], function.result
    except TypeError:  # a type that this wasmtime-py does not know
        return False
    return (
        len(given) == 1
        and isinstance(given[0], String)
        and isinstance(result, ResultType)
        and isinstance(result.ok, String)
        and isinstance(result.err, String)
    )


_COUNTS = {"instances": 120, "tables": 60, "table_elements": TABLE_ELEMENTS}


class Guest:
    """One instance of a component, for one run. Not for more than one thread."""

    __slots__ = ("_functions", "_instance", "_memories", "_store")

    def __init__(
        self, linker: Linker, component: Component, memory_bytes: int, ticks: int, memories: int = MEMORIES
    ) -> None:
        """Instantiates; that may run code of a component's own, for at most `ticks`. Raises GuestFault.

        `memory_bytes` is for one memory, of which the guest may have `memories`.
        """
        self._memories = memories
        self._store = Store(linker.engine)
        self.limit(memory_bytes)
        self._store.set_epoch_deadline(ticks)
        self._functions: dict[str, Any] = {}
        try:
            self._instance = linker.instantiate(self._store, component)
        except WasmtimeError as error:
            self._store.close()
            raise _fault(str(error)) from None

    def call(self, name: str, *arguments: str, ticks: int, output_bytes: int) -> tuple[bool, str]:
        """Call an export `func(string…) -> result<string, string>`: whether ok, and the string.

        At most `ticks` epochs of CPU time and `output_bytes` of answer. Raises GuestFault; the guest is then dead.
        """
        store = self._store
        function = self._functions.get(name)
        if function is None:
            found = self._instance.get_func(store, name)
            if found is None:
                raise GuestFault(Reason.SIGNATURE, f"the component does not export {name!r}")
            function = self._functions[name] = found._func
        store.set_epoch_deadline(ticks)
        count = len(arguments)
        given = (_ffi.wasmtime_component_val_t * count)()
        result = _ffi.wasmtime_component_val_t()
        answered = False
        try:
            for place, text in zip(given, arguments, strict=True):
                place.of.string = _ffi.str_to_capi(text)
                place.kind = _ffi.WASMTIME_COMPONENT_STRING
            error = _ffi.wasmtime_component_func_call(
                ctypes.byref(function), store._context(), given, count, ctypes.byref(result), 1
            )
            if error:
                raise _fault(str(WasmtimeError._from_ptr(error)))
            answered = True
            return _text(result, output_bytes)
        finally:
            for place in given:
                _ffi.wasmtime_component_val_delete(ctypes.byref(place))
            if answered:
                _ffi.wasmtime_component_val_delete(ctypes.byref(result))

    def limit(self, memory_bytes: int) -> None:
        """Let each memory grow to that at most, from here on."""
        self._store.set_limits(memory_size=memory_bytes, memories=self._memories, **_COUNTS)

    def drop(self) -> None:
        """Give the slot back. The object is of no further use."""
        self._functions.clear()
        self._store.close()


_RESULT, _STRING = _ffi.WASMTIME_COMPONENT_RESULT.value, _ffi.WASMTIME_COMPONENT_STRING.value


def _text(result: Any, output_bytes: int) -> tuple[bool, str]:
    if result.kind != _RESULT or not result.of.result.val:
        raise GuestFault(Reason.SIGNATURE, "an export does not answer with result<string, string>")
    inner = result.of.result.val.contents
    if inner.kind != _STRING:
        raise GuestFault(Reason.SIGNATURE, "an export does not answer with result<string, string>")
    size = inner.of.string.size
    if size > output_bytes:
        raise GuestFault(Reason.OUTPUT, f"the guest answered with {size} bytes where {output_bytes} are taken")
    text = ctypes.string_at(inner.of.string.data, size).decode("utf-8") if size else ""
    return bool(result.of.result.is_ok), text


_TRAPS = (
    ("wasm trap: interrupt", Reason.CPU),
    ("call stack exhausted", Reason.STACK),
    ("exceeds memory limits", Reason.MEMORY),
    ("exceeds table limits", Reason.MEMORY),
    ("memory count too high", Reason.MEMORY),
)


def _fault(message: str) -> GuestFault:
    """A component call's error carries its trap as text only."""
    for text, reason in _TRAPS:
        if text in message:
            return GuestFault(reason, text)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    causes = [line for line in lines if "wasm trap" in line] or lines[-1:]
    return GuestFault(Reason.TRAP, (causes[0] if causes else "the guest trapped")[:300])
