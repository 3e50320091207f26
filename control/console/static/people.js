// Talents and what they were granted.

import { rows } from "./api.js";
import { add, badge, code, facts, h, visible } from "./dom.js";
import { short, when } from "./words.js";

export const TITLE = "Talents and grants";
export const NAV = "Talents";

export async function render(place) {
  const talents = await rows("/talents", "talents");
  add(place, h("h1", {}, TITLE), h("div", { class: "cards" }, talents.map(card)));
}

function card(talent) {
  const kind = talent.id.match(/^if:\/\/([a-z]+)\//)?.[1] ?? "";
  return h(
    "article",
    { class: "card" },
    h("header", {}, h("h2", {}, short(talent.id)), h("span", {}, badge(kind), talent.revoked && badge("revoked", "bad"))),
    facts(
      ["Roles", (talent.roles ?? []).map((role) => badge(role))],
      ["Groups", (talent.groups ?? []).map((group) => badge(group))],
      ["Owner", talent.owner && short(talent.owner)],
      ["Key", talent.key && code(talent.key, 80)],
      ["May do", talent.grants?.length ? h("ul", {}, talent.grants.map(grant)) : "nothing yet"],
    ),
  );
}

const grant = (one) =>
  h(
    "li",
    {},
    h("a", { href: `#/capabilities/${encodeURIComponent(short(one.capability))}` }, short(one.capability)),
    " on ",
    h("span", { class: "whole" }, visible(one.target, 80)),
    " ",
    (one.scopes ?? []).map((scope) => badge(scope)),
    one.expires && [" until ", when(one.expires)],
    one.ended && badge("ended", "bad"),
    one.only && Object.keys(one.only).length > 0 && [" only ", code(one.only, 200)],
  );
