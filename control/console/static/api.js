// The kernel's API, from its own pages: JSON in and out, refusals as errors that carry their problem details.

let csrf = "";

export class Refused extends Error {
  constructor(problem) {
    super(problem.detail ?? "the kernel refused");
    this.problem = problem;
  }
}

export const trust = (token) => {
  csrf = token ?? "";
};

/** The answer's JSON. `headers` are added; a body is sent as JSON. Throws `Refused`. */
export async function call(method, path, body = undefined, headers = {}) {
  const answer = await ask(method, path, body, headers);
  return answer.status === 204 ? null : answer.json();
}

/** The answer to a GET, to the letter. */
export const text = async (path) => (await ask("GET", path)).text();

async function ask(method, path, body = undefined, headers = {}) {
  const asked = { method, credentials: "same-origin", redirect: "error", cache: "no-store", headers: { Accept: "application/json", ...headers } };
  if (body !== undefined) {
    asked.body = JSON.stringify(body);
    asked.headers["Content-Type"] = "application/json";
  }
  if (method !== "GET" && csrf) asked.headers["X-CSRF-Token"] = csrf;
  let answer;
  try {
    answer = await fetch(`/v1${path}`, asked);
  } catch {
    throw new Refused({ code: "IF_ERR_SERVER_UNREACHABLE", detail: "the kernel cannot be reached", remedy: "Check that `ifctl up` runs." });
  }
  if (answer.ok) return answer;
  throw new Refused(await answer.json().catch(() => ({ detail: `the kernel answered ${answer.status}` })));
}

export const get = (path) => call("GET", path);
export const post = (path, body, headers) => call("POST", path, body, headers);

/** All rows of a list, page after page, at most `most`. */
export async function rows(path, member, most = 2000) {
  const found = [];
  let cursor = "";
  do {
    const page = await get(path + (cursor ? `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : ""));
    found.push(...page[member]);
    cursor = page.next ?? "";
  } while (cursor && found.length < most);
  return found;
}
