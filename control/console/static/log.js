// The log: its checkpoint, single entries, and receipts, verified in this browser and nowhere else.

import { get } from "./api.js";
import { add, badge, busy, code, facts, failure, fresh, h, note, replace, visible } from "./dom.js";
import { verifyReceipt } from "./receipt.js";
import { short, state, when } from "./words.js";
import { summary } from "./timeline.js";

export const TITLE = "Log";

export async function render(place, [index]) {
  if (index !== undefined) return entry(place, index);
  const [{ checkpoint }, { vkey }] = await Promise.all([get("/log/checkpoint"), get("/log/vkey")]);
  const [origin, size, root] = checkpoint.split("\n");
  add(
    place,
    h("h1", {}, TITLE),
    h(
      "section",
      { class: "card", "aria-label": "Checkpoint" },
      h("h2", {}, "Checkpoint"),
      facts(["Origin", code(origin)], ["Entries", visible(size, 30)], ["Root", code(root)], ["Verifier key", code(vkey)]),
      h("details", {}, h("summary", {}, "The signed note"), h("pre", { tabindex: "0" }, lines(checkpoint))),
    ),
    look(Number(size)),
    checking(vkey),
  );
  return undefined;
}

/** A note keeps its line ends. */
const lines = (text) => text.split("\n").map((line) => visible(line, 400)).join("\n");

function look(size) {
  const input = h("input", { id: fresh("index"), type: "number", min: "0", max: String(size - 1), inputmode: "numeric", required: true });
  const form = h("form", { class: "card" }, h("h2", {}, "Entry"), h("div", { class: "field" }, h("label", { for: input.id }, "Index"), input), h("div", { class: "row" }, h("button", { type: "submit" }, "Show")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = `#/log/${Number(input.value)}`;
  });
  return form;
}

async function entry(place, index) {
  const found = await get(`/log/entries/${encodeURIComponent(index)}`);
  const { leaf } = found;
  add(
    place,
    h("p", { class: "crumbs" }, h("a", { href: "#/log" }, TITLE)),
    h("h1", {}, `Entry ${visible(String(found.index), 20)}`),
    h("p", { class: "lead" }, code(leaf.kind), " ", found.body ? summary(leaf.kind, found.body) : "its body was erased"),
    h("div", { class: "card" }, facts(["At", when(leaf.at)], ["Action", leaf.action && h("a", { href: `#/action/${leaf.action}` }, leaf.action)], ["Actor", code(leaf.actor ?? "")], ["Body's commitment", code(leaf.body ?? "")])),
    h("section", { class: "card", "aria-label": "Body" }, h("h2", {}, "Body"), h("pre", { tabindex: "0" }, lines(JSON.stringify(found.body, null, 2)))),
  );
}

function checking(vkey) {
  const file = h("input", { id: fresh("file"), type: "file", accept: ".json,.receipt,application/json" });
  const text = h("textarea", { id: fresh("text"), rows: "4", class: "code", spellcheck: "false" });
  const key = h("input", { id: fresh("key"), type: "text", value: vkey, spellcheck: "false", class: "code" });
  const submit = h("button", { type: "submit", class: "primary" }, "Verify");
  const outcome = h("div", { "aria-live": "polite" });
  file.addEventListener("change", async () => {
    if (file.files[0]) text.value = await file.files[0].text();
  });
  const form = h(
    "form",
    { class: "card", id: "verify" },
    h("h2", {}, "Verify a receipt in this browser"),
    h("p", { class: "fine" }, "Signature, Merkle proofs and bodies are checked here by WebCrypto; nothing is sent anywhere. Believe a receipt by a key that you got from whom you trust, not by the one shown beside it."),
    h("div", { class: "field" }, h("label", { for: file.id }, "Receipt file"), file),
    h("div", { class: "field" }, h("label", { for: text.id }, "or its text"), text),
    h("div", { class: "field" }, h("label", { for: key.id }, "Verifier key of the log"), key),
    h("div", { class: "row" }, submit),
    outcome,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(submit, async () => replace(outcome, await verified(text.value, [key.value])));
  });
  return form;
}

/** What the receipt proves, or what does not hold. The keys are those that the kernel names where none are given. */
export async function verified(receipt, vkeys) {
  let found;
  try {
    found = await verifyReceipt(receipt.trim(), vkeys ?? (await get("/log/vkey")).vkeys);
  } catch (error) {
    return note("bad", h("p", {}, h("strong", {}, "This receipt does not hold.")), error.problem ? failure(error) : h("p", {}, visible(error.message, 400)));
  }
  return h(
    "div",
    { class: `note ${found.complete ? "good" : "warn"}`, role: "status" },
    h("p", {}, h("strong", {}, found.complete ? "Verified in this browser." : "Genuine, but it does not tell how the action ended."), " ", found.development && badge("development home", "warn")),
    facts(
      ["Outcome", found.ending && state(found.ending, found.code)],
      ["Action", found.action && code(found.action)],
      ["Log", code(found.origin)],
      ["Tree", `${found.size} entries, root ${found.root.slice(0, 16)}…`],
      found.answers.needed > 0 && ["Agreed", `${found.answers.agreed} of ${found.answers.needed}, signatures hold`],
      found.answers.rows.length > 0 && ["Answers", h("ul", {}, found.answers.rows.map((one) => h("li", {}, `${short(one.by)} ${one.agrees ? "agreed" : "refused"} by ${visible(one.how, 100)}`)))],
      ["Erased", found.erased.length ? found.erased.join(", ") : ""],
    ),
    h(
      "details",
      {},
      h("summary", {}, `${found.entries.length} proven entries`),
      h("ol", { class: "proven" }, found.entries.map((one) => h("li", {}, code(one.leaf.kind), ` entry ${one.index} `, when(one.leaf.at), " ", one.body ? summary(one.leaf.kind, one.body) : "(erased)"))),
    ),
  );
}

