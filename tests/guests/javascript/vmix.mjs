/** vMix's state document, as far as these two adapters need it. There is no DOMParser in QuickJS. */

import { Refuse } from "./infrafabric.mjs";

const INPUT = /<input((?:\s+\w+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/input>)/g;
const ATTRIBUTE = /(\w+)="([^"]*)"/g;
const TEXT = /<text((?:\s+\w+="[^"]*")*)\s*(?:\/>|>([^<]*)<\/text>)/g;
const ENTITIES = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/** The state document's text. Throws Refuse where what answers is not vMix. */
export function* readDocument(host) {
  const text = (yield host.read("state")).text;
  if (!text.includes("<vmix>") || text.includes("<!DOCTYPE")) {
    throw new Refuse("what answers there is not vMix: it did not send its state document");
  }
  return text;
}

/** The inputs, each `{key, number, title, texts}`; `texts` is a Map from name to text. */
export function inputsOf(document) {
  return [...document.matchAll(INPUT)].map(([, head, inner = ""]) => {
    const { key, number, title } = attributes(head);
    const texts = [...inner.matchAll(TEXT)].map(([, named, text = ""]) => [attributes(named).name, unescaped(text)]);
    return { key, number, title, texts: new Map(texts) };
  });
}

export function* readInputs(host) {
  return inputsOf(yield* readDocument(host));
}

/** The one input of that title, number or key. Throws Refuse: none, or more than one. */
export function theInput(inputs, wanted) {
  const same = inputs.filter(({ key, number, title }) => [key, number, title].includes(wanted));
  if (same.length === 1) return same[0];
  if (same.length > 1) throw new Refuse(`${wanted} fits ${same.length} inputs; give the key`);
  throw new Refuse(`no input has the title, number or key ${wanted}`);
}

function attributes(head) {
  return Object.fromEntries([...head.matchAll(ATTRIBUTE)].map(([, name, value]) => [name, unescaped(value)]));
}

function unescaped(text) {
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    return String.fromCodePoint(hex !== undefined ? parseInt(hex, 16) : Number(decimal));
  });
}
