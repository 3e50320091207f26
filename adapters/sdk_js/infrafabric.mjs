/**
 * What an adapter in JavaScript imports, and all that it needs. Built into a component of the runtime `component/1` by
 * componentize-qjs; the protocol that it speaks is in docs/guests.md.
 *
 *     import { adapter, Refuse } from "./infrafabric.mjs";
 *
 *     export const { start, resume } = adapter({
 *       *plan(intent, host) {
 *         const state = (yield host.read("state")).json();
 *         if (!(intent.lamp in state)) throw new Refuse(`no lamp is called ${intent.lamp}`);
 *         if (state[intent.lamp] === intent.on) return { changes: [] };
 *         return { changes: [{ effect: "switch", args: { lamp: intent.lamp, on: intent.on } }] };
 *       },
 *     });
 *
 * `plan` and `apply` are generators: `yield host.read(…)` hands the request to the kernel and gives its answer. They
 * cannot be async functions, since the guest returns from each call before a promise could be settled.
 */

/** The intent cannot be met as the world stands. The message is shown to the caller: IF_ERR_ADAPTER_REFUSED. */
export class Refuse extends Error {
  name = "Refuse";
  code = "IF_ERR_ADAPTER_REFUSED";
}

/**
 * The kernel or the target said no to a read or a write. An adapter may catch it; uncaught, it ends the run. `code` is
 * the kernel's (`IF_ERR_TARGET_STATUS`, …), `value` the driver's answer as JSON where there was one.
 */
export class EffectError extends Error {
  name = "EffectError";

  constructor({ code, message, value = {} }) {
    super(message);
    this.code = code;
    this.value = value;
  }
}

/** What the adapter answered is neither a plan nor a request. */
class ProtocolError extends Error {
  name = "ProtocolError";
  code = "IF_ERR_ADAPTER_PROTOCOL";
}

/** What the world answered to one request. */
export class Answer {
  constructor(value, { ok = true, code = "", problem = "", dryRun = false } = {}) {
    /** The driver's answer, as JSON. Of the http driver: `{status, headers, body}`. */
    this.value = value;
    /** Whether the target says that it did what was asked; where not, `code` and `problem` say why. */
    this.ok = ok;
    this.code = code;
    this.problem = problem;
    /** True for a write in a dry run: nothing was sent, `value` is empty. */
    this.dryRun = dryRun;
  }

  /** The HTTP status; 0 where the driver has none. */
  get status() {
    return this.value?.status ?? 0;
  }

  /** The HTTP headers, by lower-case name; empty where the driver has none. */
  get headers() {
    return this.value?.headers ?? {};
  }

  /** The body as text. Throws where the answer has none, or it is not text. */
  get text() {
    const body = this.#body();
    return this.value.encoding === "base64" ? decodeURIComponent(escape(atob(body))) : body;
  }

  /** The body as bytes. */
  get bytes() {
    const body = this.#body();
    const units = this.value.encoding === "base64" ? atob(body) : unescape(encodeURIComponent(body));
    return Uint8Array.from(units, (unit) => unit.charCodeAt(0));
  }

  /** The body parsed as JSON; of a driver whose answers have no body, the answer itself. */
  json() {
    return typeof this.value?.body === "string" ? JSON.parse(this.text) : this.value;
  }

  #body() {
    const body = this.value?.body;
    if (typeof body !== "string") throw new Error("the answer has no body; see Answer.value");
    return body;
  }
}

/** What `yield` hands to the kernel: exactly one of `read`, `perform`, `wait`. Made by the host. */
class Request {
  constructor(shape, check, given = (answer) => answer) {
    this.shape = shape;
    this.check = check;
    /** What `yield` gives, from the answer. */
    this.given = given;
  }
}

/** The kernel as an adapter sees it: named reads, changes performed by id, waits. */
class Host {
  #op;

  constructor(op, dryRun) {
    this.#op = op;
    this.dryRun = dryRun;
    /** Ids of the changes that the target took in this run, in order. */
    this.performed = [];
  }

  /**
   * The read effect `effect` of the manifest. Throws EffectError where the target cannot be reached or says no; with
   * `{check: false}` that is an answer whose `ok` is false.
   */
  read(effect, args = {}, { check = true } = {}) {
    return new Request({ read: effect, args }, check);
  }

  /** A change of the approved plan, by id. In a dry run nothing is sent. Each can be performed once. */
  perform(change, { check = true } = {}) {
    if (this.#op !== "apply") throw new Error("only apply performs changes; plan returns them");
    return new Request({ perform: typeof change === "string" ? change : change.id }, check);
  }

  /** Let time pass. Only `apply` may wait; there is no clock in the guest. */
  wait(seconds) {
    if (this.#op !== "apply") throw new Error("only apply waits; the kernel plans again while a change settles");
    return new Request({ wait: seconds }, true);
  }

  /**
   * Let time pass until the target tells of a change, at most `within` seconds; gives the seconds that passed. What
   * changed is not said: read it. Where the manifest has no `signals`, all of `within` passes. Only `apply` may wait.
   */
  news(within) {
    if (this.#op !== "apply") throw new Error("only apply waits; the kernel plans again while a change settles");
    return new Request({ wait: within, news: true }, true, (answer) => answer.value?.passed_s ?? within);
  }
}

/**
 * The exports `start` and `resume` for an adapter `{plan, apply?}`.
 *
 * `*plan(intent, host)` returns `{changes, observed?, note?, hazards?, cost?}`; of each change only `effect` must be
 * given. `*apply(plan, host, dryRun)` brings an approved plan about; by default all its changes, in order.
 */
export function adapter({ plan, apply = inOrder }) {
  let run = null;
  return {
    start: (text) => stepped(() => (run = new Run(plan, apply, JSON.parse(text))).step(() => run.work.next())),
    resume: (text) => stepped(() => run.resume(JSON.parse(text))),
  };
}

function* inOrder(plan, host) {
  for (const change of plan.changes) yield host.perform(change);
}

/** One run, from `start` to its end. */
class Run {
  #host;
  #finish;
  #asked = null;

  constructor(plan, apply, call) {
    Math.random = randomNumbers(call.seed);
    this.#host = new Host(call.op, call.dry_run ?? false);
    if (call.op === "plan") {
      this.work = generator("plan", plan(call.intent, this.#host));
      this.#finish = planned;
    } else {
      this.work = generator("apply", apply(call.plan, this.#host, call.dry_run));
      this.#finish = () => ({ performed: this.#host.performed });
    }
  }

  /** Go on with what the kernel answered. */
  resume(answer) {
    const { shape, check, given } = this.#asked;
    const refused = answer.error;
    if (refused !== undefined && check) return this.step(() => this.work.throw(new EffectError(refused)));
    if (refused === undefined && "perform" in shape) this.#host.performed.push(shape.perform);
    const answered =
      refused === undefined
        ? new Answer(answer.ok, { dryRun: this.#host.dryRun && "perform" in shape })
        : new Answer(refused.value ?? {}, { ok: false, code: refused.code, problem: refused.message });
    return this.step(() => this.work.next(given(answered)));
  }

  step(advance) {
    const { value, done } = advance();
    if (done) return { done: this.#finish(value) };
    if (!(value instanceof Request)) throw new ProtocolError("the adapter yielded something that is not of its host");
    this.#asked = value;
    return { request: value.shape };
  }
}

function generator(name, made) {
  if (typeof made?.next === "function" && typeof made.throw === "function") return made;
  const kind = made instanceof Promise ? "an async function" : "no generator";
  throw new ProtocolError(`${name} is ${kind}; write *${name}(…) { … yield host.read(…) … }`);
}

/** A plan as the kernel takes it, with what the adapter left out. */
function planned(plan) {
  if (!Array.isArray(plan?.changes)) throw new ProtocolError("plan returned no {changes: […]}");
  const changes = plan.changes.map((change, place) => ({ id: `change-${place + 1}`, args: {}, ...change }));
  return { hazards: [], note: "", ...plan, changes };
}

/** The step as the kernel reads it. An error goes by the other side of the result, which is: thrown, as a string. */
function stepped(advance) {
  try {
    return JSON.stringify(advance(), exact);
  } catch (error) {
    // QuickJS throws null where there is no room for the error either.
    if (error === null || error?.message === "out of memory") throw OUT_OF_MEMORY;
    throw JSON.stringify(failure(error));
  }
}

const OUT_OF_MEMORY = '{"type":"InternalError","message":"out of memory","code":"IF_ERR_SANDBOX_MEMORY"}';

/** JSON has no NaN: `JSON.stringify` would make it null, and so another plan. */
function exact(name, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw new ProtocolError(`${name || "an item"} is ${value}`);
  return value;
}

function failure(error) {
  if (!(error instanceof Error)) return { type: "Error", message: String(error) };
  const shape = { type: error.name, message: error.message.slice(0, 2000) };
  if (error.code !== undefined) return { ...shape, code: error.code };
  return { ...shape, where: where(error) };
}

/** `adapter.mjs:12`, the innermost place that is not in this file; "" where there is none. */
function where(error) {
  const places = [...(error.stack ?? "").matchAll(/([\w.-]+:\d+):\d+\)?$/gm)].map((found) => found[1]);
  return places.find((place) => !place.startsWith("infrafabric.mjs:")) ?? "";
}

/** Numbers from 0 to 1 that depend on the seed alone, so that a run can be repeated (sfc32). */
function randomNumbers(seed) {
  let [a, b, c, counter] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0, 1];
  const next = () => {
    const mixed = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + mixed) | 0;
    return (mixed >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** The clock is a stub that ends the guest without a word, so here it says what is the matter. */
function noClock() {
  throw new Error("there is no clock in the sandbox: read the time from the target");
}

const RealDate = Date;
globalThis.Date = class Date extends RealDate {
  constructor(...given) {
    if (given.length === 0) noClock();
    super(...given);
  }

  static now() {
    return noClock();
  }
};
Object.defineProperty(globalThis, "performance", { value: { now: noClock } });
