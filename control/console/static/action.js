// One action: what was asked, what became of it, and the receipt, verified in this browser.

import { get, post, text } from "./api.js";
import { add, button, code, facts, failure, fresh, h, note, replace, said, visible } from "./dom.js";
import { planView } from "./plan.js";
import { verified } from "./log.js";
import { short, state, verdict, when } from "./words.js";

export const TITLE = "Action";
const REVERSIBLE = new Set(["converged", "done"]);

export async function render(place, [id]) {
  const shape = await get(`/actions/${encodeURIComponent(id)}`);
  const changed = h("div", { "aria-live": "polite" });
  add(
    place,
    h("p", { class: "crumbs" }, h("a", { href: "#/timeline" }, "Timeline")),
    h("h1", {}, `${short(shape.capability)} on ${visible(shape.target, 80)}`),
    h("p", { class: "lead" }, `${shape.purpose} by ${short(shape.talent)} `, state(shape.outcome ?? shape.state, shape.error?.code ?? ""), " ", shape.decision && verdict(shape.decision.verdict)),
    facts(["Asked at", shape.at && when(shape.at)], ["Why", shape.why && said(shape.why, 1000)], ["Action", code(shape.action)], ["Trace", code(shape.trace)]),
    shape.error && note(shape.outcome === "waiting" ? "warn" : "bad", h("p", {}, visible(shape.error.message, 600)), h("p", { class: "fine" }, visible(shape.error.code))),
    h("section", { class: "card", "aria-label": "Plan" }, h("h2", {}, "Plan"), planView(shape.plan, shape.requests, shape.counts)),
    changed,
  );
  if (shape.outcome === "waiting") add(place, h("p", {}, h("a", { class: "button", href: `#/waiting/${shape.action}` }, "It waits for people")));
  else await addReceipt(place, shape.action);
  if (REVERSIBLE.has(shape.outcome) && shape.purpose !== "undo") add(place, undoing(shape.action, changed));
}

/** What an apply that has just ended shows. A waiting one says so. */
export async function result(report) {
  const waits = report.outcome === "waiting";
  const shown = h(
    "section",
    { class: "card", "aria-label": "What became of it" },
    h("header", {}, h("h2", {}, waits ? "It waits for people" : "What became of it"), state(report.outcome)),
    report.error && !waits && note("bad", h("p", {}, visible(report.error.message, 600))),
    waits && h("p", {}, h("a", { class: "button", href: `#/waiting/${report.action}` }, "See the question")),
    h("p", {}, h("a", { href: `#/action/${report.action}` }, "The action")),
  );
  if (!waits) await addReceipt(shown, report.action);
  return shown;
}

async function addReceipt(place, action) {
  const made = h("div", { class: "receipt" });
  add(place, made);
  try {
    const receipt = await text(`/actions/${encodeURIComponent(action)}/receipt`);
    replace(made, await verified(receipt), h("div", { class: "row" }, button("Save the receipt", () => save(receipt, action))));
  } catch (error) {
    replace(made, failure(error));
  }
}

function save(receipt, action) {
  const url = URL.createObjectURL(new Blob([receipt], { type: "application/json" }));
  h("a", { href: url, download: `${action}.receipt.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function undoing(action, place) {
  const why = h("input", { id: fresh("why"), type: "text", maxlength: "500", autocomplete: "off" });
  return h(
    "section",
    { class: "card", "aria-label": "Undo" },
    h("h2", {}, "Undo"),
    h("p", { class: "fine" }, "It is taken back only where the state is still as the action left it."),
    h("div", { class: "field" }, h("label", { for: why.id }, "Why (it is recorded)"), why),
    h("div", { class: "row" }, button("Undo", async () => replace(place, await result(await post(`/actions/${encodeURIComponent(action)}/undo`, { why: why.value.trim() }))), { class: "danger" })),
  );
}

