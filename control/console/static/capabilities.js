// What can be done: a form from each capability's JSON Schema; first the plan, one look, then the apply.

import { get, post, rows } from "./api.js";
import { add, badge, busy, code, facts, fresh, h, note, replace, said, visible } from "./dom.js";
import { planView } from "./plan.js";
import { result } from "./action.js";
import { formOf } from "./schema-form.js";
import { money, part, short, verdict } from "./words.js";

export const TITLE = "Capabilities";

export async function render(place, [name]) {
  return name ? one(place, name) : list(place);
}

async function list(place) {
  const found = await rows("/capabilities", "capabilities");
  add(
    place,
    h("h1", {}, TITLE),
    found.length
      ? h("div", { class: "cards" }, found.map(card))
      : h("div", { class: "empty" }, h("p", { class: "big" }, "Nothing is installed yet."), h("p", {}, h("code", {}, "ifctl adapter install BUNDLE"))),
  );
}

function card(row) {
  const name = short(row.capability) || visible(row.digest, 30);
  return h(
    "article",
    { class: "card" },
    h("header", {}, h("h2", {}, row.usable ? h("a", { href: `#/capabilities/${encodeURIComponent(name)}` }, name) : name), badge(row.usable ? "usable" : "not usable", row.usable ? "good" : "bad")),
    h("p", {}, said(row.summary, 300)),
    facts(["Version", visible(row.version, 40)], ["Publisher", visible(row.publisher, 100)], row.reason && ["Why not", visible(row.reason.message, 300)]),
  );
}

async function one(place, name) {
  const found = await get(`/capabilities/${part(name)}`);
  const manifest = found.manifest;
  const targets = await targetsOf(name);
  const form = formOf(manifest.intent);
  const target = h("select", { id: fresh("target"), required: true }, targets.map((one) => h("option", { value: one }, visible(one, 100))));
  const why = h("input", { id: fresh("why"), type: "text", required: true, maxlength: "500", autocomplete: "off" });
  const submit = h("button", { type: "submit", class: "primary" }, "Plan");
  const outcome = h("div", { "aria-live": "polite" });
  const asked = h(
    "form",
    { class: "card" },
    h("h2", {}, "What do you want?"),
    h("div", { class: "field" }, h("label", { for: target.id }, "On which target"), target),
    form.element,
    h("div", { class: "field" }, h("label", { for: why.id }, "Why (it is recorded)"), why),
    h("div", { class: "row" }, submit),
  );
  const ask = (purpose, more = {}) => ({ capability: manifest.id, target: target.value, intent: form.value(), why: why.value.trim(), purpose, ...more });
  asked.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, async () => {
      replace(outcome);
      const wanted = ask("plan");
      const report = await post("/actions", wanted);
      replace(outcome, review(report, wanted, outcome));
    });
  });
  asked.addEventListener("input", () => outcome.querySelector(".review")?.remove());
  add(
    place,
    h("p", { class: "crumbs" }, h("a", { href: "#/capabilities" }, TITLE)),
    h("h1", {}, short(manifest.id)),
    h("p", { class: "lead" }, said(manifest.summary, 300)),
    targets.length ? asked : note("warn", h("p", {}, "There is no target for it yet: ", h("code", {}, "ifctl target add"))),
    outcome,
    h(
      "details",
      {},
      h("summary", {}, "What it is"),
      facts(
        ["Version", visible(manifest.version, 40)],
        ["Publisher", visible(found.publisher, 100)],
        ["Kind", manifest.kind],
        ["Scopes", (manifest.scopes ?? []).map((scope) => badge(scope))],
        ["Effects", h("ul", {}, Object.entries(manifest.effects ?? {}).map(([effect, it]) => h("li", {}, code(effect, 80), " ", said(it.summary ?? "", 200), " ", (it.hazards ?? []).map((one) => badge(one, "warn")))))],
        ["Digest", code(found.digest)],
      ),
    ),
  );
}

/** Names of the targets of the capability's product. */
async function targetsOf(name) {
  const product = name.split(".")[0];
  const found = await rows("/targets", "targets");
  return found.map((one) => one.name).filter((one) => one.startsWith(`${product}@`));
}

function review(report, wanted, outcome) {
  const apply = h("button", { type: "button", class: "primary" }, "Apply this plan");
  const key = crypto.randomUUID();
  apply.addEventListener("click", () =>
    busy(apply, async () => {
      const more = { purpose: "apply", expect: report.changes_digest };
      const done = await post("/actions", { ...wanted, ...more }, { "Idempotency-Key": key }).catch((error) => {
        if (error.problem?.report) return error.problem.report;
        throw error;
      });
      replace(outcome, await result(done));
    }),
  );
  const nothing = !report.plan?.changes?.length;
  return h(
    "section",
    { class: "card review", "aria-label": "The plan" },
    h("header", {}, h("h2", {}, "The plan"), report.decision && verdict(report.decision.verdict)),
    planView(report.plan, report.requests, report.counts),
    facts(
      report.decision && ["Decision", visible(report.decision.reason, 400) || report.decision.rules.map((rule) => code(rule, 100))],
      ["Hazards", report.hazards?.length ? report.hazards.map((one) => badge(one, "warn")) : ""],
      ["Cost", money(report.plan?.cost)],
    ),
    report.decision && report.decision.verdict !== "SHARE" && report.decision.verdict !== "DENY" && note("warn", h("p", {}, "People have to agree before it is done. Applied, it waits for them.")),
    nothing ? null : h("div", { class: "row" }, apply),
  );
}
