// Bytes, their spellings, and SHA-256. Whatever is not the one canonical spelling of its bytes is refused.

const ENCODER = new TextEncoder();

export const utf8 = (text) => ENCODER.encode(text);

export function text(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** RFC 4648 section 4, with padding. */
export function toBase64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export function fromBase64(string) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(string), (letter) => letter.charCodeAt(0));
  } catch {
    throw new Error(`${quoted(string)} is not base64`);
  }
  if (toBase64(bytes) !== string) throw new Error(`${quoted(string)} is not the canonical base64 of its bytes`);
  return bytes;
}

/** RFC 4648 section 5, without padding. */
export const toBase64Url = (bytes) =>
  toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export function fromBase64Url(string) {
  const padded = string + "=".repeat((4 - (string.length % 4)) % 4);
  return fromBase64(padded.replaceAll("-", "+").replaceAll("_", "/"));
}

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** RFC 8785 text of a JSON value: members in the order of their UTF-16 units, numbers as ECMAScript writes them. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** Parse canonical JSON; text with duplicate members, or that means more than a number here can hold, is refused. */
export function parseCanonical(string, what) {
  let value;
  try {
    value = JSON.parse(string);
  } catch {
    throw new Error(`${what} is not JSON`);
  }
  if (canonical(value) !== string) throw new Error(`${what} is not in the one form that the log writes (RFC 8785)`);
  return value;
}

const quoted = (string) => JSON.stringify(String(string).slice(0, 60));
