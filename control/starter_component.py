"""`ifctl adapter new --runtime component/1`: the same small adapter in JavaScript, and what builds it."""

from __future__ import annotations

from importlib import resources

__all__ = ["component_files"]

ADAPTER = """\
/** Sets a lamp's brightness. Runs in a sandbox: all it can do is read the effects of its manifest and answer a plan. */

import { adapter, Refuse } from "./infrafabric.mjs";

export const { start, resume } = adapter({
  *plan(intent, host) {
    const state = (yield host.read("state")).json();
    const [now, wanted] = [state.brightness, intent.brightness];
    if (state.broken) throw new Refuse("the lamp says that it is broken");
    const observed = { brightness: now }; // an undo compares it, so that it never overwrites another hand
    if (now === wanted) return { changes: [], observed };
    const change = {
      effect: "set",
      args: { brightness: wanted },
      before: { brightness: now },
      after: { brightness: wanted },
      inverse: { effect: "set", args: { brightness: now } },
      summary: `brightness ${now} to ${wanted}`,
    };
    return { changes: [change], observed };
  },
});
"""

PACKAGE = """\
{
  "private": true,
  "type": "module",
  "scripts": {
    "build": "componentize-qjs -w adapter.wit -n adapter -j adapter.mjs --stub-wasi --sync -o adapter.wasm"
  },
  "devDependencies": {
    "componentize-qjs": "0.4.5"
  }
}
"""


def component_files(files: dict[str, str]) -> dict[str, str]:
    """The files of the Python starter, turned into those of the JavaScript one. `{name}` and the like stay."""
    manifest = (
        files["manifest.yaml"]
        .replace("runtime: python/1", "runtime: component/1")
        .replace("entrypoint: adapter.py:Lamp", "entrypoint: adapter.wasm     # `npm run build` makes it")
        .replace("files: [adapter.py]", "files: [adapter.wasm]")
    )
    readme = files["README.md"].replace(
        "    pytest                                    # your own tests\n", ""
    ).replace(
        "    ifctl adapter check . ",
        "    npm install && npm run build              # adapter.wasm\n    ifctl adapter check . ",
    )  # fmt: skip
    sdk = resources.files("infrafabric.adapters").joinpath("sdk_js", "infrafabric.mjs")
    wit = resources.files("infrafabric.kernel.chassis").joinpath("guest", "adapter.wit")
    return {
        "manifest.yaml": manifest,
        "adapter.mjs": ADAPTER,
        "infrafabric.mjs": sdk.read_text("utf-8"),
        "adapter.wit": wit.read_text("utf-8"),
        "package.json": PACKAGE,
        "conformance.yaml": files["conformance.yaml"],
        "README.md": readme,
        "tests/dim.json": files["tests/dim.json"],
        "tests/broken.json": files["tests/broken.json"],
    }
