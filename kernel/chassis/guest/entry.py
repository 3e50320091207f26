"""The guest of the runtime `python/1`: CPython and the SDK behind four exports that take and give strings."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0])  # here is the lean form of the standard library, see lean.py

import dataclasses  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import math  # noqa: E402
import random  # noqa: E402
import xml.etree.ElementTree  # noqa: E402

import loading  # noqa: E402
import prelude  # noqa: E402
from componentize_py_types import Err  # noqa: E402
from wit_world import WitWorld as World  # noqa: E402

from infrafabric.adapters.sdk import Adapter, Change, Host, Plan  # noqa: E402
from infrafabric.adapters.sdk.steps import Steps, failure  # noqa: E402

MAX_OUTPUT = 4 << 20
"""Characters in one step. The kernel's own limit is lower and is what counts; this spares the guest's memory."""
MAX_DEPTH = 64
OUT_OF_MEMORY = '{"type":"MemoryError","message":"out of memory","code":"IF_ERR_SANDBOX_MEMORY"}'

state = {}


class OutputError(Exception):
    """The step is larger or deeper than a step may be."""


def check(value, depth=0, room=MAX_OUTPUT):
    """Room left after `value`, in characters. Raises on what is too large, too deep, or not JSON."""
    if isinstance(value, str):
        room -= len(value)
    elif isinstance(value, dict):
        if depth == MAX_DEPTH:
            raise OutputError(f"nested deeper than {MAX_DEPTH}")
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a member name is {type(key).__name__}, not a string")
            room = check(item, depth + 1, room - len(key) - 4)
    elif isinstance(value, (list, tuple)):
        if depth == MAX_DEPTH:
            raise OutputError(f"nested deeper than {MAX_DEPTH}")
        for item in value:
            room = check(item, depth + 1, room - 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not JSON")
        room -= 20
    elif isinstance(value, int):
        if not -(2**53) < value < 2**53:
            raise ValueError("an integer beyond 2^53-1 is not JSON that can be hashed")
        room -= 16
    elif value is None:
        room -= 4
    else:
        raise TypeError(f"{type(value).__name__} is not a JSON type")
    if room < 0:
        raise OutputError(f"more than {MAX_OUTPUT} characters")
    return room


def give(step):
    """The step as the kernel reads it; an error goes by the other side of the result."""
    if "error" not in step:
        try:
            check(step)
            return json.dumps(step, ensure_ascii=False, separators=(",", ":"))
        except OutputError as error:
            step = {"error": {"type": "OutputError", "message": str(error), "code": "IF_ERR_SANDBOX_OUTPUT"}}
        except (TypeError, ValueError) as error:
            step = {"error": {"type": "OutputError", "message": str(error), "code": "IF_ERR_ADAPTER_PROTOCOL"}}
    error = step["error"]
    error["message"] = str(error["message"])[:2000]
    raise Err(json.dumps(error))


def guarded(work):
    """Nothing may leave the guest but a string: an escaping exception would be a trap without a message."""
    try:
        return give(work())
    except Err:
        raise
    except MemoryError:
        state.clear()
        raise Err(OUT_OF_MEMORY) from None
    except BaseException as error:
        return give(failure(error))


def compile_step(sources):
    return {"done": loading.compile_sources(sources["files"], sources["entrypoint"])}


def load_step(code, entrypoint):
    made = loading.load(code, entrypoint)
    if not issubclass(made, Adapter):
        raise loading.EntrypointError(f"{entrypoint} is not a class derived from Adapter")
    state["steps"] = Steps(made())
    return {"done": {"orders": made.apply is not Adapter.apply}}


class WitWorld(World):
    def compile(self, sources_json):
        return guarded(lambda: compile_step(json.loads(sources_json)))

    def load(self, code, entrypoint):
        return guarded(lambda: load_step(code, entrypoint))

    def start(self, call_json):
        return guarded(lambda: state["steps"].start(json.loads(call_json)))

    def resume(self, answer_json):
        return guarded(lambda: state["steps"].resume(json.loads(answer_json)))


class Rehearsal(Adapter):
    """Run once at build, so that what a run touches is warm in the snapshot."""

    async def plan(self, intent, host: Host) -> Plan:
        answer = await host.read("state", a=1)
        xml.etree.ElementTree.fromstring(answer.text).findtext("b")  # noqa: S314  its own words
        return Plan(
            [Change("cut", {"Input": "1"}, before={"a": 1}, after={"a": 2}, summary="s")], note=str(answer.status)
        )


def rehearse() -> None:
    for op in ({"op": "plan", "intent": {}}, {"op": "apply", "plan": {"changes": []}, "intent": {}, "dry_run": True}):
        steps = Steps(Rehearsal())
        step = steps.start({**op, "seed": 0})
        while "request" in step:
            give(step)
            step = steps.resume({"ok": {"status": 200, "headers": {}, "body": "<a><b>é</b></a>"}})
        if "done" not in step:  # no assert: the build leaves them out
            raise RuntimeError(f"the rehearsal ended with {step}")
        give(step)
    dataclasses.make_dataclass("Warm", ["x"])(1)
    failure(ValueError("warm"))


random.seed(0)
prelude.seal()
loading.install()
rehearse()
random.seed(0)
gc.collect()
gc.freeze()
gc.disable()
