// The one-time link: its token stands behind the #, which no browser sends; it is handed in once, for a cookie.

import { failure, h, replace } from "./dom.js";
import { post } from "./api.js";

const place = document.getElementById("said");
const token = location.hash.slice(1);

if (/^(127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname)) {
  // An address is no relying party: passkeys work under the name alone, and a cookie is for one of the two.
  location.replace(`${location.protocol}//localhost:${location.port}/console/enter#${token}`);
} else {
  history.replaceState(null, "", location.pathname);
  enter();
}

async function enter() {
  if (!token) {
    replace(place, ask());
    return;
  }
  try {
    await post("/sessions", { token });
    location.replace("/console/");
  } catch (error) {
    replace(place, failure(error), ask());
  }
}

function ask() {
  return h("p", {}, "A link opens the console once. Print another on the kernel's machine: ", h("code", {}, "ifctl console"));
}
