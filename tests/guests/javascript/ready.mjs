/** vmix.ready: a check, which never changes anything. Refuses, naming all that is missing, or has nothing to do. */

import { adapter, Refuse } from "./infrafabric.mjs";
import { inputsOf, readDocument } from "./vmix.mjs";

export const { start, resume } = adapter({
  *plan({ inputs = [], recording }, host) {
    const document = yield* readDocument(host);
    const titles = new Set(inputsOf(document).map(({ title }) => title));
    const records = /<recording[^>]*>True<\/recording>/.test(document);
    const missing = inputs.filter((title) => !titles.has(title)).map((title) => `the input ${title} is not there`);
    if (recording !== undefined && recording !== records) missing.push(records ? "it records" : "it does not record");
    if (missing.length > 0) throw new Refuse(`not ready: ${missing.join("; ")}`);
    return { changes: [], observed: { inputs: inputs.length, recording: records }, note: "ready" };
  },
});
