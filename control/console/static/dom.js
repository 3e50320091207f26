// Making elements. Text is always set as text, never read as HTML, whoever it is from.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Text of others with its hidden characters (control, bidirectional, unassigned) shown as escapes, and not endless. */
export function visible(value, cap = 2000) {
  const plain = typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
  const shown = plain.slice(0, cap).replace(HIDDEN, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
  return plain.length > cap ? `${shown}… (${plain.length - cap} more characters)` : shown;
}

/** An element. `given` are its attributes; `on…` are listeners; true stands for an attribute without a value. */
export function h(tag, given = {}, ...children) {
  return filled(document.createElement(tag), given, children);
}

export function svg(tag, given = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), given, children);
}

/** Append what is there of `children`; what does not apply (null, undefined, false) is left out. */
export function add(parent, ...children) {
  parent.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
}

function filled(element, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

/** What another said: an adapter, an asker, a device. It stands apart from the console's own words. */
export const said = (text, cap) => h("q", { class: "said", dir: "auto" }, visible(text, cap));

export const code = (text, cap = 400) => h("code", {}, visible(text, cap));

export const badge = (text, tone = "plain") => h("span", { class: `badge ${tone}` }, visible(text, 60));

/** A list of terms. Pairs whose value is empty are left out. */
export function facts(...pairs) {
  const empty = (value) => value === null || value === undefined || value === false || value === "" || value?.length === 0;
  const rows = pairs.filter((pair) => pair && !empty(pair[1]));
  return h("dl", { class: "facts" }, rows.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
}

/** A table that a narrow page scrolls, with its heading row. `rows` are lists of cells. */
export function table(caption, headings, rows) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, headings.map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))),
    ),
  );
}

export const note = (tone, ...children) =>
  h("div", { class: `note ${tone}`, role: tone === "bad" ? "alert" : "status" }, children);

/** What went wrong, with its code and what to do about it. */
export function failure(error) {
  if (!error.problem) return note("bad", h("p", {}, visible(error.message, 600)));
  const { code: name, detail, remedy, action } = error.problem;
  return note("bad", h("p", {}, visible(detail, 600)), remedy && h("p", {}, visible(remedy, 600)), h("p", { class: "fine" }, visible(name), action && [" · ", h("a", { href: `#/action/${encodeURIComponent(action)}` }, "the action")]));
}

/** A button that is busy while `work` is, and shows below itself what went wrong. */
export function button(label, work, given = {}) {
  const made = h("button", { type: "button", ...given }, label);
  made.addEventListener("click", () => busy(made, work));
  return made;
}

export async function busy(control, work) {
  control.parentElement.querySelector(":scope > .note.bad")?.remove();
  control.disabled = true;
  control.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    control.after(failure(error));
  } finally {
    control.disabled = false;
    control.removeAttribute("aria-busy");
  }
}

export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat(9).filter(Boolean));
}

let serial = 0;
export const fresh = (name) => `${name}-${++serial}`;
