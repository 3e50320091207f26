// Budgets, breakers and stops: what holds actions back, and how near it is.

import { get, rows } from "./api.js";
import { add, badge, facts, h, svg, table, visible } from "./dom.js";
import { listen } from "./events.js";
import { short, when } from "./words.js";

export const TITLE = "Budgets, breakers and stops";
export const NAV = "Limits";

const STIRRING = new Set(["action.closed", "action.decided", "budget.changed", "breaker.changed", "stop.changed"]);

export async function render(place) {
  const body = h("div", {});
  add(place, h("h1", {}, TITLE), body);
  const refresh = async () => {
    const [budgets, breakers, stops] = await Promise.all([get("/budgets"), rows("/breakers", "breakers"), rows("/stops", "stops")]);
    body.replaceChildren(
      h("section", { "aria-labelledby": "budgets" }, h("h2", { id: "budgets" }, "Budgets"), budgetCards(budgets.budgets ?? [])),
      h("section", { "aria-labelledby": "breakers" }, h("h2", { id: "breakers" }, "Breakers"), breakerTable(breakers)),
      h("section", { "aria-labelledby": "stops" }, h("h2", { id: "stops" }, "Stops"), stopTable(stops)),
    );
  };
  await refresh();
  return listen((entry) => STIRRING.has(entry.leaf.kind) && refresh());
}

function budgetCards(budgets) {
  if (!budgets.length) return h("p", { class: "calm" }, "No budget is set.");
  return h("div", { class: "cards" }, budgets.map(budget));
}

function budget(one) {
  const unit = one.currency || one.unit;
  const percent = Math.max(0, Number(one.percent) || 0);
  return h(
    "article",
    { class: "card" },
    h("header", {}, h("h3", {}, short(one.subject.replace(/^[a-z]+:(?=if:)/, ""))), badge(`a ${one.period}`)),
    gauge(one, percent),
    facts(
      ["Used", `${visible(one.used, 40)} of ${visible(one.limit, 40)} ${visible(unit, 20)}`],
      Number(one.reserved) > 0 && ["Set aside", `${visible(one.reserved, 40)} ${visible(unit, 20)}`],
      ["Left", `${visible(one.left, 40)} ${visible(unit, 20)}`],
      ["Begins anew", when(one.resets_at)],
    ),
  );
}

/** A bar: used, set aside, left. The numbers stand beside it in words. */
function gauge(one, percent) {
  const limit = Number(one.limit) || 1;
  const used = Math.min(100, (100 * Number(one.used)) / limit);
  const aside = Math.min(100 - used, (100 * Number(one.reserved)) / limit);
  const tone = percent >= 100 ? "bad" : percent >= 80 ? "warn" : "good";
  return svg(
    "svg",
    { class: `gauge ${tone}`, viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": `${Math.round(percent)} percent taken` },
    svg("rect", { class: "track", width: "100", height: "8" }),
    svg("rect", { class: "used", width: used.toFixed(2), height: "8" }),
    svg("rect", { class: "aside", x: used.toFixed(2), width: Math.max(0, aside).toFixed(2), height: "8" }),
  );
}

function breakerTable(breakers) {
  if (!breakers.length) return h("p", { class: "calm" }, "Every breaker is closed: calls go through.");
  return table(
    "Breakers that are not closed",
    ["Capability", "Target", "State", "Failures", "Cause", "Until"],
    breakers.map((one) => [short(one.capability), h("span", { class: "whole" }, visible(one.target, 80)), badge(one.state.replace("_", " "), one.state === "open" ? "bad" : "warn"), String(one.failures), visible(one.cause, 200), one.until ? when(one.until) : "–"]),
  );
}

function stopTable(stops) {
  if (!stops.length) return h("p", { class: "calm" }, "Nothing is stopped.");
  return table(
    "Stops in force",
    ["What", "Since", "By", "Why"],
    stops.map((one) => [visible(one.what, 140), when(one.at), short(one.by), visible(one.why, 300)]),
  );
}
