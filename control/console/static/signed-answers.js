// The answers of people in a receipt: signed by the keys or passkeys that they name, to this very question, and as many
// as it needed. Whose a key was is on the word of the log.

import { canonical, concat, equal, fromBase64, fromBase64Url, sha256, text, toBase64Url, utf8 } from "./bytes.js";

const PRESENT = 1;
const VERIFIED = 4;

/** {needed, agreed, rows} of the proven entries of one action. Throws an Error that says what does not hold. */
export async function answersIn(entries) {
  const rows = [];
  let question = null;
  let [wentOn, withheld] = [false, false];
  for (const { leaf, body } of entries) {
    if (body === null) {
      withheld ||= leaf.kind.startsWith("approval.");
    } else if (leaf.kind === "action.decided") {
      wentOn ||= question !== null && !body.pending;
      question ??= body.pending ? body : null;
    } else if (leaf.kind === "approval.given" || leaf.kind === "approval.refused") {
      rows.push(await row(leaf.kind === "approval.given", body, question));
    }
  }
  const needed = question?.pending.needs.people ?? (question ? 1 : 0);
  const agreed = new Set(rows.filter((one) => one.agrees).map((one) => one.signer || one.by)).size;
  if (wentOn && !withheld && agreed < needed) throw new Error(`the action went on after ${agreed} of ${needed} people agreed`);
  return { needed, agreed, rows };
}

async function row(agrees, body, question) {
  const { approver, context_digest, expires, nonce, source, assertion } = body;
  const verdict = agrees ? body.verdict : "DENY";
  const statement = utf8(`infrafabric-approval-v1\n${canonical({ approver, context_digest, expires, nonce, verdict })}`);
  let holds = true; // a second source is an action, which nobody signs
  if (assertion) holds = !source && !body.key && (await byPasskey(assertion, statement).catch(() => false));
  else if (!source) holds = await byKey(body.key, body.signature, statement).catch(() => false);
  if (!holds) throw new Error(`the signature of ${approver} does not hold`);
  if (question && (nonce !== question.pending.nonce || context_digest !== question.context_digest)) {
    throw new Error(`${approver} answered another question`);
  }
  const how = assertion ? `passkey of ${assertion.rp_id}` : source ? "second source" : "key";
  return { by: approver, agrees, how, signer: assertion ? assertion.public_key : body.key };
}

async function byKey(key, signature, statement) {
  const known = await crypto.subtle.importKey("raw", fromBase64(key), { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, known, fromBase64(signature), statement);
}

/** An assertion (W3C Web Authentication, section 7.2) whose challenge is the statement's SHA-256. */
async function byPasskey(assertion, statement) {
  const clientData = fromBase64Url(assertion.client_data);
  const data = fromBase64Url(assertion.authenticator_data);
  const said = JSON.parse(text(clientData));
  const framed = (said.crossOrigin ?? false) !== false || "topOrigin" in said;
  if (said.type !== "webauthn.get" || framed || !ofParty(said.origin, assertion.rp_id)) return false;
  if (said.challenge !== toBase64Url(await sha256(statement))) return false;
  if (data.length < 37 || !equal(data.slice(0, 32), await sha256(utf8(assertion.rp_id)))) return false;
  if (!(data[32] & PRESENT) || !(data[32] & VERIFIED)) return false;
  const signed = concat(data, await sha256(clientData));
  return bySigner(fromBase64Url(assertion.public_key), fromBase64Url(assertion.signature), signed);
}

function ofParty(origin, party) {
  const { hostname, protocol, origin: whole } = new URL(origin);
  if (whole !== origin || !(hostname === party || hostname.endsWith(`.${party}`))) return false;
  return protocol === "https:" || (protocol === "http:" && hostname === party && party === "localhost");
}

/** By a COSE_Key (RFC 9053): ES256, EdDSA or RS256. */
async function bySigner(cose, signature, message) {
  const key = decodeMap(cose);
  const algorithm = key.get(3);
  const verify = async (format, material, parameters, given) => {
    const known = await crypto.subtle.importKey(format, material, parameters, false, ["verify"]);
    return crypto.subtle.verify(parameters, known, given, message);
  };
  if (algorithm === -7 && key.get(1) === 2 && key.get(-1) === 1) {
    const point = concat(Uint8Array.of(4), key.get(-2), key.get(-3));
    return verify("raw", point, { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }, rawSignature(signature));
  }
  if (algorithm === -8 && key.get(1) === 1 && key.get(-1) === 6) return verify("raw", key.get(-2), { name: "Ed25519" }, signature);
  if (algorithm === -257 && key.get(1) === 3) {
    const jwk = { kty: "RSA", n: toBase64Url(key.get(-1)), e: toBase64Url(key.get(-2)) };
    return verify("jwk", jwk, { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, signature);
  }
  return false;
}

/** A CBOR map of small integers to integers and byte strings (RFC 8949), which a COSE_Key is. */
function decodeMap(bytes) {
  let at = 0;
  const head = () => {
    const [major, short] = [bytes[at] >> 5, bytes[at++] & 31];
    if (short < 24) return [major, short];
    const size = { 24: 1, 25: 2 }[short];
    let value = 0;
    for (let count = 0; count < size; count++) value = value * 256 + bytes[at++];
    if (!size || Number.isNaN(value)) throw new Error("the key is not of its form");
    return [major, value];
  };
  const item = () => {
    const [major, value] = head();
    if (major === 0) return value;
    if (major === 1) return -1 - value;
    if (major !== 2 || at + value > bytes.length) throw new Error("the key is not of its form");
    at += value;
    return bytes.slice(at - value, at);
  };
  const [major, count] = head();
  if (major !== 5) throw new Error("the key is not of its form");
  const found = new Map();
  for (let number = 0; number < count; number++) found.set(item(), item());
  return found;
}

/** r and s, 32 bytes each, of an ECDSA signature in DER (RFC 3279 section 2.2.3). */
function rawSignature(der) {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) throw new Error("the signature is not DER");
  let at = 2;
  const part = () => {
    if (der[at] !== 2) throw new Error("the signature is not DER");
    const size = der[at + 1];
    const value = der.slice(at + 2, at + 2 + size);
    at += 2 + size;
    const bare = value.length > 32 && value[0] === 0 ? value.slice(1) : value;
    if (bare.length > 32) throw new Error("the signature is too long");
    return concat(new Uint8Array(32 - bare.length), bare);
  };
  const found = concat(part(), part());
  if (at !== der.length) throw new Error("the signature is not DER");
  return found;
}
