// What waits for people: read it, then agree or refuse, signed by a passkey after one more look.

import { get } from "./api.js";
import { add, badge, busy, code, facts, failure, fresh, h, note, replace, said, visible } from "./dom.js";
import { listen } from "./events.js";
import { answer } from "./passkey.js";
import { planView } from "./plan.js";
import { left, money, plural, short, state, verdict } from "./words.js";

export const TITLE = "Waiting for you";
export const NAV = "Waiting";

const STIRRING = new Set(["action.decided", "action.closed", "action.refused", "approval.given", "approval.refused", "approval.expired"]);

export async function render(place, [action]) {
  return action ? one(place, action) : list(place);
}

async function list(place) {
  const body = h("div", { class: "cards" });
  add(place, h("h1", {}, TITLE), body);
  const refresh = async () => {
    const found = await get("/approvals");
    const questions = found.questions ?? [];
    replace(body, questions.length ? questions.map(card) : calm());
  };
  await refresh();
  const end = listen((entry) => STIRRING.has(entry.leaf.kind) && refresh().catch((error) => replace(body, failure(error))));
  const clock = ticking(body);
  return () => (end(), clock());
}

const calm = () =>
  h("div", { class: "empty" }, h("p", { class: "big" }, "Nothing waits for you."), h("p", {}, "What an agent asks beyond its leave appears here by itself."));

function card(question) {
  return h(
    "article",
    { class: "card" },
    h(
      "header",
      {},
      h("h2", {}, h("a", { href: `#/waiting/${question.action}` }, `${question.purpose === "undo" ? "Undo by " : ""}${short(question.capability)} on ${visible(question.target, 80)}`)),
      verdict(question.verdict),
    ),
    facts(
      ["Asked by", short(question.talent)],
      ["Changes", plural(question.changes, "change")],
      ["Because", visible(question.reason, 300)],
      ["Hazards", question.hazards.length ? question.hazards.map((one) => badge(one, "warn")) : ""],
      ["Agreed", `${question.agreed} of ${question.needs.people}${roles(question.needs)}`],
      ["Time left", countdown(question)],
    ),
    h("a", { class: "button", href: `#/waiting/${question.action}` }, "Look and answer"),
  );
}

async function one(place, action) {
  const question = await get(`/approvals/${encodeURIComponent(action)}`);
  const outcome = h("div", { "aria-live": "polite" });
  const acting = h(
    "div",
    { class: "row" },
    h("button", { type: "button", class: "primary", onclick: () => ask(question, true, done) }, "Approve…"),
    h("button", { type: "button", class: "danger", onclick: () => ask(question, false, done) }, "Deny…"),
  );
  function done(report, agreed) {
    acting.remove();
    replace(outcome, ended(report, agreed));
    outcome.scrollIntoView({ block: "nearest" });
  }
  add(
    place,
    h("p", { class: "crumbs" }, h("a", { href: "#/waiting" }, TITLE)),
    h("h1", {}, `May ${short(question.talent)} do this?`),
    h("p", { class: "lead" }, `${question.undoes ? "Undo by " : ""}${short(question.capability)} on ${visible(question.target, 80)} `, verdict(question.verdict)),
    outcome,
    h("section", { class: "card", "aria-label": "What would change" }, h("h2", {}, "Before → after"), planView(question.plan, question.requests, question.counts)),
    h(
      "section",
      { class: "card", "aria-label": "Why you are asked" },
      h("h2", {}, "Why you are asked"),
      facts(
        ["The rules say", visible(question.reason, 500)],
        ["Rules", question.rules.map((rule) => code(rule, 100))],
        ["Hazards", question.hazards.length ? question.hazards.map((one) => badge(one, "warn")) : "none"],
        ["Cost", money(question.cost) || "none"],
        ["Where", visible(`${question.address.scheme ?? ""}://${question.address.host ?? ""}:${question.address.port ?? ""}`, 200)],
        ["Agreed", agreed(question)],
        ["Lacking", visible(question.missing, 500) || "nothing"],
        ["Time left", countdown(question)],
      ),
    ),
    h(
      "section",
      { class: "card", "aria-label": "What the asker says" },
      h("h2", {}, "What the asker says"),
      h("p", { class: "fine" }, "Nobody has checked this. Go by what would change."),
      facts(
        ["Who", code(question.talent, 200)],
        ["Why", said(question.why, 1000)],
        ["Wants", code(question.intent, 1000)],
        question.claim && ["Claims", code(question.claim, 1000)],
      ),
    ),
    acting,
    h("details", {}, h("summary", {}, "What a signature covers"), facts(["Action", code(question.action)], ["Changes", code(question.changes_digest)], ["Context", code(question.context_digest)])),
  );
  return ticking(place);
}

function agreed(question) {
  if (!question.given.length) return `nobody yet, of ${question.needs.people}${roles(question.needs)}`;
  return h("ul", {}, question.given.map((one) => h("li", {}, short(one.by), one.counts ? "" : " (counts no longer)", one.why && [": ", said(one.why, 300)])));
}

const roles = (needs) => (needs.roles?.length ? ` (${visible(needs.roles.join(" or "), 100)})` : "");

/** One more look, the reason, and the passkey. */
function ask(question, agrees, done) {
  const why = h("input", { id: fresh("why"), type: "text", required: true, maxlength: "500", autocomplete: "off" });
  const confirm = h("button", { type: "submit", class: agrees ? "primary" : "danger" }, agrees ? "Approve with passkey" : "Deny with passkey");
  const heading = fresh("ask");
  const dialog = h("dialog", { "aria-labelledby": heading });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: heading }, agrees ? "Approve this?" : "Deny this?"),
    h("p", {}, `${short(question.talent)}: ${short(question.capability)} on ${visible(question.target, 80)}`),
    agrees ? planView(question.plan, [], question.counts) : h("p", {}, "Nothing was written, and nothing will be."),
    question.hazards.length > 0 && agrees && note("warn", h("p", {}, "Hazards: ", question.hazards.map((one) => badge(one, "warn")))),
    h("label", { for: why.id }, "Why (it is recorded)"),
    why,
    h("div", { class: "row" }, confirm, h("button", { type: "button", onclick: () => dialog.close() }, "Back")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(confirm, async () => {
      const report = await answer(question, agrees, why.value.trim()).catch((error) => {
        if (error.problem?.report) return error.problem.report; // the answer counted; the action went wrong after it
        throw error;
      });
      dialog.close();
      done(report, agrees);
    });
  });
  dialog.append(form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  why.focus();
}

function ended(report, agrees) {
  const good = agrees && !report.error;
  const waits = report.outcome === "waiting";
  const words = waits ? "Your answer is recorded. Others still have to agree." : agrees ? "Approved." : "Denied. Nothing was written.";
  return note(
    good || waits || !agrees ? "good" : "bad",
    h("p", {}, h("strong", {}, words), " ", state(report.outcome)),
    report.error && agrees && !waits && h("p", {}, visible(report.error.message, 500)),
    h("p", {}, h("a", { href: `#/action/${report.action}` }, "See the action and its receipt")),
  );
}

function countdown(question) {
  return h("time", { datetime: question.expires, "data-until": question.expires }, left(question.left_s));
}

function ticking(place) {
  const timer = setInterval(() => {
    for (const one of place.querySelectorAll("[data-until]")) {
      one.textContent = left(Math.floor((Date.parse(one.dataset.until) - Date.now()) / 1000));
    }
  }, 1000);
  return () => clearInterval(timer);
}

