// Merkle proofs (RFC 6962 section 2.1.1), signed notes and checkpoints (c2sp.org/signed-note, tlog-checkpoint).

import { concat, equal, fromBase64, hex, sha256, utf8 } from "./bytes.js";

const ED25519 = 1;

export const leafHash = (leaf) => sha256(concat(Uint8Array.of(0), leaf));

const nodeHash = (left, right) => sha256(concat(Uint8Array.of(1), left, right));

/** Whether the leaf hash at `index` is in the tree of `size` with that root (RFC 9162 section 2.1.3.2). */
export async function included(index, size, hash, proof, root) {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  let [at, last, found] = [BigInt(index), BigInt(size) - 1n, hash];
  for (const sibling of proof) {
    if (sibling.length !== 32 || last === 0n) return false;
    if (at % 2n === 1n || at === last) {
      found = await nodeHash(sibling, found);
      while (at % 2n === 0n && at !== 0n) [at, last] = [at >> 1n, last >> 1n];
    } else {
      found = await nodeHash(found, sibling);
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  return last === 0n && equal(found, root);
}

/** The key of a vkey line, `<name>+<8 hex digits>+<base64 of type byte and key>`. Throws what is wrong with it. */
export async function verifier(line) {
  const [name, id, encoded] = split(line.trim(), "+", 3);
  if (!name || !encoded) throw new Error("a verifier key has the form NAME+ID+KEY");
  const data = fromBase64(encoded);
  if (data.length !== 33 || data[0] !== ED25519) throw new Error("the verifier key is not Ed25519");
  const digest = await sha256(concat(utf8(`${name}\n`), data));
  if (hex(digest.slice(0, 4)) !== id) throw new Error("the verifier key has another key's ID");
  const key = await crypto.subtle.importKey("raw", data.slice(1), { name: "Ed25519" }, false, ["verify"]);
  return { name, id, key, line: line.trim() };
}

/**
 * The checkpoint in a note that one of the log's keys signed: {origin, size, root, signedBy}.
 *
 * Signatures by unknown keys count for nothing; one by a known key that fails condemns the note.
 */
export async function openCheckpoint(note, verifiers) {
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw new Error("the checkpoint holds a control character");
  const gap = note.lastIndexOf("\n\n");
  if (gap < 1 || !note.endsWith("\n")) throw new Error("the checkpoint has no signature line");
  const body = note.slice(0, gap + 1);
  const signedBy = [];
  for (const line of note.slice(gap + 2, -1).split("\n")) {
    const parts = line.split(" ");
    if (parts.length !== 3 || parts[0] !== "\u2014") throw new Error("the checkpoint has a line that is no signature");
    const data = fromBase64(parts[2]);
    const known = verifiers.find((one) => one.name === parts[1] && one.id === hex(data.slice(0, 4)));
    if (!known) continue;
    const holds = await crypto.subtle.verify({ name: "Ed25519" }, known.key, data.slice(4), utf8(body));
    if (!holds) throw new Error(`the signature of ${known.name} does not match the checkpoint`);
    signedBy.push(known);
  }
  const [origin, size, encoded] = body.split("\n");
  if (!signedBy.some((one) => one.name === origin)) throw new Error("the checkpoint is not signed by that log's key");
  if (!/^(0|[1-9]\d{0,15})$/.test(size ?? "")) throw new Error("the checkpoint's size is no number");
  const root = fromBase64(encoded ?? "");
  if (root.length !== 32) throw new Error("the checkpoint's root hash is not 32 bytes");
  return { origin, size: Number(size), root, signedBy: signedBy.map((one) => one.line) };
}

function split(string, by, count) {
  const parts = string.split(by);
  return parts.length < count ? parts : [...parts.slice(0, count - 1), parts.slice(count - 1).join(by)];
}
