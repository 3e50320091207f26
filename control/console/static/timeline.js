// What is happening: the log's entries as they come, newest first, and what came before.

import { get } from "./api.js";
import { add, h, replace, visible } from "./dom.js";
import { listen } from "./events.js";
import { plural, short, state, verdict, when } from "./words.js";

export const TITLE = "Timeline";
const MOST = 200;

export async function render(place) {
  const filters = h("form", { class: "row filters", role: "search", "aria-label": "Filter the timeline" });
  const inputs = Object.fromEntries(
    [["talent", "Talent"], ["capability", "Capability"], ["target", "Target"]].map(([name, label]) => {
      const input = h("input", { type: "search", id: `filter-${name}`, autocomplete: "off", spellcheck: "false" });
      filters.append(h("div", { class: "field" }, h("label", { for: input.id }, label), input));
      return [name, input];
    }),
  );
  const live = h("p", { class: "live off", role: "status" }, "connecting…");
  const rows = h("ol", { class: "stream", "aria-label": "Entries, newest first" });
  add(place, h("div", { class: "row apart" }, h("h1", {}, TITLE), live), filters, rows);

  const seen = new Set();
  const fits = (row) => Object.entries(inputs).every(([name, input]) => row.dataset[name].includes(input.value.trim().toLowerCase()));
  const put = (entry, end) => {
    if (seen.has(entry.index)) return;
    seen.add(entry.index);
    const row = line(entry);
    row.hidden = !fits(row);
    if (end) rows.append(row);
    else {
      row.classList.add("fresh");
      rows.prepend(row);
      while (rows.children.length > MOST) rows.lastChild.remove();
    }
  };
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("input", () => {
    for (const row of rows.children) row.hidden = !fits(row);
  });
  const end = listen((entry) => put(entry, false), (open) => {
    live.className = `live ${open ? "on" : "off"}`;
    live.textContent = open ? "live" : "not connected; trying again";
  });
  try {
    const past = await get("/log/entries?limit=60");
    for (const entry of past.entries) put(entry, true);
  } catch (error) {
    end();
    throw error;
  }
  if (!rows.children.length) replace(rows, h("li", { class: "calm" }, "Nothing yet."));
  return end;
}

function line(entry) {
  const leaf = entry.leaf ?? entry;
  const body = entry.body ?? {};
  const who = body.approver || body.talent || "";
  const action = leaf.action ?? entry.action;
  const row = h(
    "li",
    { "data-talent": who.toLowerCase(), "data-capability": String(body.capability ?? "").toLowerCase(), "data-target": String(body.target ?? "").toLowerCase() },
    h("div", { class: "row" }, h("code", { class: "kind" }, leaf.kind), mark(leaf.kind, body), when(leaf.at), h("a", { class: "index", href: `#/log/${entry.index}` }, `entry ${entry.index}`)),
    h("p", { dir: "auto" }, entry.body ? summary(leaf.kind, body) : "(erased)"),
    (who || action) && h("p", { class: "fine" }, short(who), action && [who && " · ", h("a", { href: `#/action/${action}` }, "action")]),
  );
  return row;
}

function mark(kind, body) {
  if (kind === "action.decided") return verdict(body.decision?.verdict);
  if (kind === "action.closed") return state(body.outcome, body.code);
  if (kind === "action.refused") return state("refused", "");
  return null;
}

/** What an entry says, in one line. */
export function summary(kind, body) {
  const what = short(body.capability);
  const said = {
    "action.received": () => `${body.purpose} ${what} on ${body.target}: ${body.why}`,
    "action.refused": () => `${body.code}: ${body.message}`,
    "action.planned": () => plural(body.plan?.changes?.length ?? 0, "change"),
    "action.decided": () => body.decision?.reason ?? "",
    "effect.intended": () => `${body.change}: ${body.request}`,
    "effect.observed": () => `${body.change}: ${body.result} ${body.code ?? ""}`,
    "action.closed": () => `${body.outcome} ${body.code ?? ""}`,
    "approval.given": () => `agreed: ${body.why ?? ""}`,
    "approval.refused": () => `refused: ${body.why ?? ""}`,
    "target.changed": () => `${body.change} ${body.value?.name}: ${body.why}`,
    "talent.changed": () => `${body.change} ${body.value?.id}: ${body.why}`,
    "grant.changed": () => `${body.change} ${short(body.value?.talent)}: ${short(body.value?.capability)} on ${body.value?.target}: ${body.why}`,
    "breaker.changed": () => `${body.state} ${what} on ${body.target} ${body.cause ?? ""}`,
    "adapter.loaded": () => `${what} ${body.version}`,
    "adapter.unloaded": () => `${what} ${body.version} ${body.reason ?? ""}`,
    "kernel.started": () => `version ${body.version}`,
    "passkey.changed": () => `${body.change} a passkey of ${short(body.value?.talent)}: ${body.why}`,
  }[kind];
  return visible((said ? said() : (body.why ?? "")).trim(), 300);
}
