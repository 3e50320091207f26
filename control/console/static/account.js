// Whoever is looking: the session, and the passkeys by which answers are signed.

import { call, get } from "./api.js";
import { add, badge, busy, button, code, facts, fresh, h, replace, visible } from "./dom.js";
import { enrol, revoke } from "./passkey.js";
import { load, own } from "./session.js";
import { short } from "./words.js";

export const TITLE = "You";

export async function render(place) {
  const me = await load();
  const list = h("div", {});
  add(
    place,
    h("h1", {}, TITLE),
    h(
      "section",
      { class: "card", "aria-label": "Who you are" },
      h("header", {}, h("h2", {}, short(own())), button("Leave", leave)),
      facts(
        ["Talent", code(own())],
        ["Roles", me.roles.map((role) => badge(role))],
        ["May be used for", me.scopes.map((scope) => badge(scope))],
        ["Operator's key", me.at_hand ? "at hand" : "away: nothing of the operator's can be changed from here"],
      ),
    ),
    h("section", { class: "card", "aria-label": "Passkeys" }, h("h2", {}, "Passkeys"), h("p", { class: "fine" }, "You answer what waits by a passkey: your device asks for your finger, face or PIN, and signs exactly the question that you see."), list, adding(() => refresh(list))),
  );
  await refresh(list);
}

async function refresh(list) {
  const { passkeys } = await get("/passkeys");
  replace(list, passkeys.length ? h("ul", { class: "plain" }, passkeys.map((one) => h("li", { class: "row apart" }, h("span", {}, visible(one.label || "passkey", 100), " ", code(one.id.slice(0, 16)), ` for ${visible(one.rp_id, 100)}`), revoking(one, list)))) : h("p", { class: "calm" }, "None yet."));
}

function revoking(passkey, list) {
  const why = h("input", { type: "text", "aria-label": "Why it is revoked", placeholder: "why", maxlength: "300" });
  const confirm = button("Revoke", async () => {
    await revoke(passkey.id, why.value.trim());
    await refresh(list);
  }, { class: "danger" });
  return h("details", { class: "small" }, h("summary", {}, "Revoke…"), h("div", { class: "row" }, why, confirm));
}

function adding(done) {
  const label = h("input", { id: fresh("label"), type: "text", maxlength: "100", autocomplete: "off" });
  const why = h("input", { id: fresh("why"), type: "text", required: true, maxlength: "300", autocomplete: "off" });
  const submit = h("button", { type: "submit", class: "primary" }, "Make a passkey");
  const form = h(
    "form",
    {},
    h("h3", {}, "Another passkey"),
    h("div", { class: "field" }, h("label", { for: label.id }, "What to call it"), label),
    h("div", { class: "field" }, h("label", { for: why.id }, "Why (it is recorded)"), why),
    h("div", { class: "row" }, submit),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, async () => {
      await enrol(label.value.trim(), why.value.trim());
      form.reset();
      await done();
    });
  });
  return form;
}

async function leave() {
  await call("DELETE", "/sessions/current");
  location.replace("/console/enter");
}
