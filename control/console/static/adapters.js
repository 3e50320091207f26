// What is installed, and whom this home trusts.

import { get, rows } from "./api.js";
import { add, badge, code, facts, h, table, visible } from "./dom.js";
import { plural, short, when } from "./words.js";

export const TITLE = "Adapters and trust";
export const NAV = "Adapters";

export async function render(place) {
  const [adapters, trust] = await Promise.all([rows("/adapters", "capabilities"), get("/trust")]);
  add(
    place,
    h("h1", {}, TITLE),
    h("section", { "aria-labelledby": "installed" }, h("h2", { id: "installed" }, "Installed"), installed(adapters)),
    h("section", { "aria-labelledby": "trusted" }, h("h2", { id: "trusted" }, "Trust set"), trustSet(trust)),
  );
}

function installed(adapters) {
  if (!adapters.length) return h("p", { class: "calm" }, "No bundle is installed.");
  return table(
    "Installed adapters",
    ["Capability", "Version", "Publisher", "May be used", "Bundle"],
    adapters.map((one) => {
      return [
        short(one.capability),
        visible(one.version, 40),
        visible(one.publisher, 80),
        one.usable ? badge("yes", "good") : h("span", {}, badge("no", "bad"), " ", visible(one.reason.message, 200)),
        code(String(one.digest).slice(0, 19)),
      ];
    }),
  );
}

function trustSet(trust) {
  const revoked = Object.entries({ ...trust.revoked?.keys, ...trust.revoked?.digests });
  return h(
    "div",
    { class: "card" },
    facts(
      ["Version", String(trust.version)],
      ["Expires", when(trust.expires)],
      ["Signed by", `${(trust.signers ?? []).length} of ${(trust.root_keys ?? []).length} root keys, ${trust.threshold} must`],
      ["Root keys", keys(trust.root_keys)],
      ["Operator keys", keys(trust.operator_keys)],
      ["Publishers", h("ul", {}, Object.entries(trust.publishers ?? {}).map(([name, one]) => h("li", {}, visible(name, 80), ": ", one.patterns.map((pattern) => code(pattern, 60)), ` (${plural(one.keys.length, "key")})`)))],
      ["Allowed", h("ul", {}, Object.entries(trust.allow ?? {}).map(([name, digest]) => h("li", {}, short(name), " ", code(String(digest).slice(0, 19)))))],
      revoked.length && ["Revoked", h("ul", {}, revoked.map(([thing, why]) => h("li", {}, code(thing, 90), " ", visible(why, 200))))],
    ),
  );
}

const keys = (list) => h("ul", {}, (list ?? []).map((key) => h("li", {}, code(key, 90))));
