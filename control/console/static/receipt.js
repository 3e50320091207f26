// A receipt, checked in this browser: the checkpoint's signature, each entry's place in the tree, each body, the answers
// of people, and how the action ended. Nothing is asked of the kernel, and nothing but the given verifier key is believed.

import { concat, fromBase64, hex, parseCanonical, sha256, text, toBase64Url, utf8 } from "./bytes.js";
import { included, leafHash, openCheckpoint, verifier } from "./notes.js";
import { answersIn } from "./signed-answers.js";

const MEMBERS = "checkpoint,development,entries,origin,receipt,status";
const ENTRY = "body,index,leaf,proof,salt";
const LEAF = "action,actor,at,body,kind,nonce,seq,v";
const BEGINNING = "action.received";
const ENDINGS = ["action.closed", "action.refused"];

/**
 * What a receipt proves: {origin, size, root, signedBy, development, action, entries, erased, answers, ending, code,
 * complete}.
 *
 * Throws an Error that says what does not hold. `complete` is false where the entries do not run from the asking to
 * the one that ended it: what it holds is genuine then, but it does not tell how the action came out.
 */
export async function verifyReceipt(string, vkeys) {
  const verifiers = await Promise.all(vkeys.map(verifier));
  const receipt = parseCanonical(string, "the receipt");
  if (names(receipt) !== MEMBERS || receipt.receipt !== 1 || !Array.isArray(receipt.entries)) {
    throw new Error("this is no receipt of a version that is known here");
  }
  const head = await openCheckpoint(receipt.checkpoint, verifiers);
  if (receipt.origin !== head.origin) throw new Error("the receipt names another origin than its checkpoint");
  if (!receipt.entries.length) throw new Error("the receipt has no entries");
  const entries = [];
  for (const one of receipt.entries) entries.push(await opened(one, head));
  if (entries.some((entry, at) => at > 0 && entry.index <= entries[at - 1].index)) {
    throw new Error("the receipt's entries are not in the order of the log");
  }
  const action = entries[0].leaf.action;
  if (entries.some((entry) => entry.leaf.action !== action) || (!action && entries.length > 1)) {
    throw new Error("the receipt's entries do not all belong to one action");
  }
  const kinds = entries.map((entry) => entry.leaf.kind);
  const ends = entries.filter((entry) => ENDINGS.includes(entry.leaf.kind));
  const ended = ends.length === 1 && ends[0] === entries.at(-1) && ends[0].body !== null;
  const begun = kinds[0] === BEGINNING && kinds.lastIndexOf(BEGINNING) === 0;
  return {
    origin: head.origin,
    size: head.size,
    root: hex(head.root),
    signedBy: head.signedBy,
    development: receipt.development === true,
    action,
    entries,
    answers: await answersIn(entries),
    erased: entries.filter((entry) => entry.body === null).map((entry) => entry.index),
    ending: ended ? (ends[0].body.outcome ?? "refused") : "",
    code: ended ? (ends[0].body.code ?? "") : "",
    complete: !action || (begun && ended),
  };
}

async function opened(entry, head) {
  if (names(entry) !== ENTRY || !Array.isArray(entry.proof)) throw new Error("an entry is not of its form");
  const bytes = fromBase64(entry.leaf);
  const proof = entry.proof.map(fromBase64);
  if (!(await included(entry.index, head.size, await leafHash(bytes), proof, head.root))) {
    throw new Error(`the proof of entry ${Number(entry.index)} does not lead to the signed root`);
  }
  const leaf = parseCanonical(text(bytes), "a leaf");
  if (names(leaf) !== LEAF || leaf.v !== 1) throw new Error("a leaf is not of the form that the log writes");
  if (entry.body === null && entry.salt === null) return { index: entry.index, leaf, body: null };
  if (entry.body === null || entry.salt === null) throw new Error("an entry has a body without its salt, or the reverse");
  const body = fromBase64(entry.body);
  const digest = await sha256(concat(utf8("infrafabric-body-v1\n"), fromBase64(entry.salt), body));
  if (toBase64Url(digest) !== leaf.body) {
    throw new Error(`the body of entry ${Number(entry.index)} is not the one that was logged`);
  }
  const members = parseCanonical(text(body), "a body");
  if (members === null || typeof members !== "object" || Array.isArray(members)) throw new Error("a body is no object");
  return { index: entry.index, leaf, body: members };
}

const names = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? Object.keys(value).sort().join() : "";
