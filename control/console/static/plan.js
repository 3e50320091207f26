// A plan as the kernel recorded it: each change, what is before and what comes after, how it is sent and taken back.

import { badge, code, h, said, visible } from "./dom.js";
import { plural } from "./words.js";

const MOST = 60;

export function planView(plan, requests = [], counts = null) {
  if (!plan?.changes?.length) return h("p", { class: "calm" }, "Nothing to do: everything is as wanted.");
  const sums = counts && `${counts.add} to add, ${counts.change} to change, ${counts.remove} to remove.`;
  return h(
    "div",
    { class: "plan" },
    plan.changes.map((change, at) => changeView(change, requests[at])),
    plan.note && h("p", {}, "The adapter says: ", said(plan.note, 600)),
    h("p", { class: "fine" }, sums ?? plural(plan.changes.length, "change")),
  );
}

function changeView(change, request) {
  const rows = differences(change.before, change.after);
  const shown = rows.slice(0, MOST);
  return h(
    "section",
    { class: "change", "aria-label": `${change.id}: ${visible(change.effect, 80)}` },
    h("h3", {}, visible(change.effect, 80), " ", (change.hazards ?? []).map((one) => badge(one, "warn"))),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": `${change.id}, before and after` },
      h(
        "table",
        { class: "diff" },
        h("thead", {}, h("tr", {}, ["What", "Before", "After"].map((one) => h("th", { scope: "col" }, one)))),
        h(
          "tbody",
          {},
          shown.map(({ path, before, after }) =>
            h("tr", {}, h("th", { scope: "row" }, path), h("td", {}, value("del", before)), h("td", {}, value("ins", after))),
          ),
          !shown.length && h("tr", {}, h("td", { colspan: "3" }, "The same as before.")),
        ),
      ),
    ),
    rows.length > MOST && h("p", { class: "fine" }, `and ${rows.length - MOST} more that differ`),
    change.summary && h("p", {}, "The adapter says: ", said(change.summary, 300)),
    request && h("p", { class: "fine" }, "Sent as ", code(request)),
    h("p", { class: "fine" }, change.inverse ? ["Can be undone by ", code(change.inverse.effect)] : "Cannot be undone."),
  );
}

function value(tag, one) {
  if (one === undefined) return h("span", { class: "fine" }, "–");
  if (one !== null && typeof one === "object" && "$result" in one) return h("em", {}, "known after apply");
  return h(tag, { dir: "auto" }, visible(one, 400));
}

/** The leaves in which two JSON values differ: [{path, before, after}], undefined where there is none. */
export function differences(before, after, path = "") {
  if (isMap(before) || isMap(after)) {
    if ((isMap(before) || empty(before)) && (isMap(after) || empty(after))) {
      const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
      return names.flatMap((name) => differences(before?.[name], after?.[name], path ? `${path}.${visible(name, 60)}` : visible(name, 60)));
    }
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ path: path || "all", before: before ?? undefined, after: after ?? undefined }];
}

const isMap = (one) => one !== null && typeof one === "object" && !Array.isArray(one) && !("$result" in one);
const empty = (one) => one === undefined || one === null;
