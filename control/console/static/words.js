// Names and times as people read them.

import { badge, visible } from "./dom.js";

/** `vmix.switcher` of `if://capability/vmix.switcher`, `Finance.Agent` of `if://agent/Finance.Agent`. */
export const short = (id) => visible(String(id ?? "").replace(/^if:\/\/[a-z]+\//, ""), 200);

/** An id in a path: each of its characters stands for itself. */
export const part = (id) => encodeURIComponent(String(id).replace(/^if:\/\/capability\//, ""));

const VERDICTS = { SHARE: "good", HOLD: "warn", ESCALATE: "warn", DENY: "bad" };
const STATES = {
  converged: "good", done: "good", undone: "good", waiting: "warn", settling: "warn", planned: "plain",
  dry_run: "plain", failed: "bad", refused: "bad", in_doubt: "bad",
};

export const verdict = (name) => badge(name, VERDICTS[name] ?? "plain");

export const state = (name, code = "") =>
  badge(`${String(name ?? "").replaceAll("_", " ")}${code ? ` ${code}` : ""}`, STATES[name] ?? "plain");

export function when(at) {
  const time = new Date(at);
  const element = document.createElement("time");
  element.dateTime = String(at ?? "");
  const text = Number.isNaN(time.valueOf()) ? visible(at ?? "") : time.toLocaleString([], { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  element.textContent = text;
  return element;
}

export function left(seconds) {
  if (seconds <= 0) return "over";
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

export function money(cost) {
  const amount = cost?.amount;
  return amount === undefined || amount === null || Number(amount) === 0 ? "" : visible(`${amount} ${cost.currency ?? ""}`, 60);
}

export const plural = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;
