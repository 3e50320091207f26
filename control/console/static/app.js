// The console: one page, whose parts are named behind the #.

import { failure, h, replace } from "./dom.js";
import { load, me, own } from "./session.js";
import { short } from "./words.js";
import * as waiting from "./waiting.js";
import * as timeline from "./timeline.js";
import * as capabilities from "./capabilities.js";
import * as people from "./people.js";
import * as limits from "./limits.js";
import * as adapters from "./adapters.js";
import * as log from "./log.js";
import * as account from "./account.js";
import * as action from "./action.js";

const VIEWS = { waiting, timeline, capabilities, people, limits, adapters, log, account };
const main = document.getElementById("main");
const nav = document.getElementById("nav");
let leave = null;
let turn = 0;

async function show() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const view = name === "action" ? action : (VIEWS[name] ?? waiting);
  const mine = ++turn;
  leave?.();
  leave = null;
  const place = h("div", { class: "view" });
  replace(main, place);
  document.title = `${view.TITLE} – InfraFabric`;
  for (const link of nav.querySelectorAll("a")) {
    const here = link.getAttribute("href") === `#/${name || "waiting"}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (here) link.scrollIntoView({ block: "nearest", inline: "center" });
  }
  try {
    const ending = await view.render(place, rest.map(decodeURIComponent));
    if (mine !== turn) ending?.();
    else leave = ending ?? null;
  } catch (error) {
    if (mine === turn) place.append(failure(error));
  }
  if (mine === turn) main.focus({ preventScroll: true });
}

async function start() {
  try {
    await load();
  } catch (error) {
    replace(
      main,
      h("h1", {}, "You are not known here"),
      failure(error),
      h("p", {}, "Open the console by a one-time link. On the kernel's machine: ", h("code", {}, "ifctl console")),
    );
    return;
  }
  replace(nav, Object.entries(VIEWS).map(([name, view]) => h("li", {}, h("a", { href: `#/${name}` }, view.NAV ?? view.TITLE))));
  replace(document.getElementById("who"), me.development && h("span", { class: "badge warn" }, "development"), " ", short(own()));
  window.addEventListener("hashchange", show);
  await show();
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
start();
