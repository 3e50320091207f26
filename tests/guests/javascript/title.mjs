/** vmix.title: the texts of a title input. Reads vMix's state document, sets what differs, one change a text. */

import { adapter, Refuse } from "./infrafabric.mjs";
import { readInputs, theInput } from "./vmix.mjs";

export const { start, resume } = adapter({
  *plan({ input, texts }, host) {
    const found = theInput(yield* readInputs(host), input);
    const seen = {};
    const changes = [];
    for (const [name, wanted] of Object.entries(texts)) {
      const now = found.texts.get(name);
      if (now === undefined) {
        const names = [...found.texts.keys()].join(", ") || "none";
        throw new Refuse(`${found.title} has no text called ${name} (it has: ${names})`);
      }
      seen[name] = now;
      if (now === wanted) continue;
      const set = (value) => ({ effect: "set_text", args: { Input: found.key, SelectedName: name, Value: value } });
      changes.push({
        ...set(wanted),
        before: { [name]: now },
        after: { [name]: wanted },
        inverse: set(now),
        summary: `${name} of ${found.title}`.slice(0, 300),
      });
    }
    return { changes, observed: seen };
  },
});
