"""An adapter in JavaScript does what adapters must not: each deed ends that run, with its code, and no other run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from foreign_guests import SDK_JS, build_javascript
from sandbox import World, component_program, plan

from infrafabric.kernel.chassis import Chassis, Program, RunLimits
from infrafabric.kernel.errors import Code, FabricError

SOURCE = """
import { adapter } from "./infrafabric.mjs";

const nested = (depth) => { let x = 1; for (let n = 0; n < depth; n++) x = [x]; return x; };
const planOf = (x) => ({ changes: [{ effect: "cut", args: { x } }] });
const deep = (n) => deep(n + 1) + 1;

const deeds = {
  *loops() { for (;;); },
  *"loops, catching everything"() { for (;;) { try { for (;;); } catch {} } },
  *"loops after a request"(host) { yield host.read("state"); for (;;); },
  *"loops in a regular expression"() { /(a+)+$/.exec("a".repeat(64) + "b"); },
  *"fills memory"() { const kept = []; for (;;) kept.push(new Uint8Array(1e6).fill(1)); },
  *"fills memory with small things"() { const kept = []; for (;;) kept.push({ kept: [kept.length] }); },
  *"makes a string of 512 MB"() { return planOf(JSON.parse(JSON.stringify("ab".repeat(1 << 28)))); },
  *"catches that memory is full"() { const kept = []; for (;;) { try { kept.push(new Uint8Array(1e6)); } catch {} } },
  *recurses() { return planOf(deep(0)); },
  *"answers 60 deep"() { return planOf(nested(60)); },
  *"answers 20,000 deep"() { return planOf(nested(20_000)); },
  *"answers 2 MB"() { return planOf("a".repeat(2_000_000)); },
  *"asks with 2 MB"(host) { yield host.read("state", { x: "a".repeat(2_000_000) }); },
  *"answers in a circle"() { const x = []; x.push(x); return planOf(x); },
  *"answers a BigInt"() { return planOf(1n); },
  *"answers NaN"() { return planOf({ level: NaN }); },
  *"answers infinity"() { return planOf([Infinity]); },
  *"answers 2^60"() { return planOf(2 ** 60); },
  *"answers half a pair of surrogates"() { return planOf("\\ud800"); },
  *"reads the clock"() { return planOf(Date.now()); },
  *"makes a date of now"() { return planOf(new Date()); },
  *"measures time"() { return planOf(performance.now()); },
  *"fetches"() { fetch("http://127.0.0.1/"); },
  *"logs"() { console.log("x"); },
  *"requires a module"() { require("fs"); },
  *"asks to perform while it plans"(host) { yield host.perform("change-1"); },
  *"asks to wait while it plans"(host) { yield host.wait(1); },
  *"forges a request"() { yield { shape: { perform: "change-1" }, check: true }; },
  *"forges a request by its constructor"(host) {
    const { constructor: Request } = host.read("state");
    yield new Request({ perform: "change-1" }, true);
  },
  *"alters a request"(host) { yield Object.assign(host.read("state"), { shape: { write: "cut" } }); },
  *"yields a promise"() { yield Promise.resolve(1); },
  *"returns nothing"() {},
  *"returns a list"() { return []; },
  async "is an async function"() { return { changes: [] }; },
  "is a plain function"() { return { changes: [] }; },
  *"throws a string"() { throw "just so"; },
  *"throws null"() { throw null; },
  *"throws what throws"() { throw new (class extends Error { get message() { throw new Error("again"); } })(); },
  *"throws escape codes"() { throw new Error("a\\n\\x1b[31m" + "b".repeat(10_000_000)); },
  *"throws in the kernel's name"() { throw Object.assign(new Error("no"), { code: "IF_ERR_DENIED" }); },
  *"ruins the language"() {
    globalThis.ruined = true;
    JSON.parse = () => ({ op: "plan", intent: { deed: "loops" } });
    Array.prototype.filter = Object.keys = () => { throw new Error("ruined"); };
    return { changes: [] };
  },
  *"is honest"(host) { yield host.read("state"); return { changes: [], note: `${typeof globalThis.ruined}` }; },
};

const sdk = adapter({ plan: (intent, host) => deeds[intent.deed](host) });
export const resume = sdk.resume;
export function start(text) {
  const { deed } = JSON.parse(text).intent;
  if (deed === "returns no string") return 1;
  if (deed === "returns a promise") return (async () => "{}")();
  if (deed === "answers no JSON") return "[";
  return sdk.start(text);
}
"""
FAILED, PROTOCOL = Code.ADAPTER_FAILED, Code.ADAPTER_PROTOCOL
DEEDS = {
    "loops": (Code.SANDBOX_CPU, ""),
    "loops, catching everything": (Code.SANDBOX_CPU, ""),
    "loops after a request": (Code.SANDBOX_CPU, ""),
    "loops in a regular expression": (Code.SANDBOX_CPU, ""),
    "fills memory": (Code.SANDBOX_MEMORY, ""),
    "fills memory with small things": (Code.SANDBOX_MEMORY, ""),
    "makes a string of 512 MB": (Code.SANDBOX_MEMORY, ""),
    "catches that memory is full": (Code.SANDBOX_CPU, ""),
    "recurses": (Code.SANDBOX_STACK, ""),
    "answers 60 deep": (Code.SANDBOX_OUTPUT, "nested"),
    "answers 20,000 deep": (Code.SANDBOX_STACK, ""),
    "answers 2 MB": (Code.SANDBOX_OUTPUT, "2000"),
    "asks with 2 MB": (Code.SANDBOX_OUTPUT, "2000"),
    "answers in a circle": (FAILED, "circular"),
    "answers a BigInt": (FAILED, "BigInt"),
    "answers NaN": (PROTOCOL, "level is NaN"),
    "answers infinity": (PROTOCOL, "Infinity"),
    "answers 2^60": (PROTOCOL, "beyond 2^53"),
    "answers half a pair of surrogates": (PROTOCOL, "not JSON"),
    "reads the clock": (FAILED, "there is no clock in the sandbox"),
    "makes a date of now": (FAILED, "there is no clock in the sandbox"),
    "measures time": (FAILED, "there is no clock in the sandbox"),
    "fetches": (FAILED, "fetch is not defined (deeds.mjs:"),
    "logs": (FAILED, "console is not defined"),
    "requires a module": (FAILED, "require is not defined"),
    "asks to perform while it plans": (FAILED, "only apply performs"),
    "asks to wait while it plans": (FAILED, "only apply waits"),
    "forges a request": (PROTOCOL, "not of its host"),
    "forges a request by its constructor": (PROTOCOL, "perform a change while planning"),
    "alters a request": (PROTOCOL, "neither a read"),
    "yields a promise": (PROTOCOL, "not of its host"),
    "returns nothing": (PROTOCOL, "no {changes"),
    "returns a list": (PROTOCOL, "no {changes"),
    "is an async function": (PROTOCOL, "plan is an async function; write *plan("),
    "is a plain function": (PROTOCOL, "plan is no generator"),
    "throws a string": (FAILED, "just so"),
    "throws null": (Code.SANDBOX_MEMORY, ""),  # as QuickJS itself does when it has no room for an error
    "throws what throws": (FAILED, "again"),
    "throws escape codes": (FAILED, "a [31mbbb"),
    "throws in the kernel's name": (FAILED, "no"),
    "returns no string": (Code.SANDBOX_TRAP, ""),
    "returns a promise": (Code.SANDBOX_TRAP, ""),
    "answers no JSON": (PROTOCOL, "not JSON"),
}


@pytest.fixture(scope="module")
def deeds(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("deeds")
    shutil.copy(SDK_JS, folder)
    (folder / "deeds.mjs").write_text(SOURCE, encoding="utf-8")
    build_javascript(folder / "deeds.mjs", folder / "deeds.wasm")
    return component_program(Path(folder / "deeds.wasm").read_bytes())


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_deed_has_its_code_and_others_go_on(sandbox: Chassis, deeds: Program, deed: str) -> None:
    code, said = DEEDS[deed]
    world, limits = World(), RunLimits(cpu_ms=400 if code is Code.SANDBOX_CPU else 10_000)
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, deeds, {"deed": deed}, world=world, limits=limits)
    assert (caught.value.code, said in caught.value.message) == (code, True), caught.value
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500
    assert world.asked == ([{"read": "state", "args": {}}] if "after a request" in deed else [])
    assert (await plan(sandbox, deeds, {"deed": "is honest"})).done["changes"] == []


async def test_what_one_run_ruins_is_whole_in_the_next(sandbox: Chassis, deeds: Program) -> None:
    assert (await plan(sandbox, deeds, {"deed": "ruins the language"})).done["changes"] == []
    for _ in range(3):
        assert (await plan(sandbox, deeds, {"deed": "is honest"})).done["note"] == "undefined"
