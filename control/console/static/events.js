// What the log records, as it happens: one stream, whoever listens.

const KINDS = [
  "action.received", "action.planned", "action.decided", "action.closed", "action.refused", "effect.intended",
  "effect.observed", "approval.given", "approval.refused", "approval.expired", "breaker.changed", "stop.changed",
  "target.changed", "talent.changed", "grant.changed", "role.changed", "budget.changed", "policy.changed",
  "trust.changed", "trust.graced", "secret.changed", "adapter.loaded", "adapter.unloaded", "kernel.started",
  "kernel.stopped", "body.erased", "message.admitted", "message.refused", "api_key.changed", "identity.changed",
  "passkey.changed", "log.rekeyed",
];

const listeners = new Set();
let source = null;

/** Call `listener` with each entry {index, leaf, body}; `state` hears whether the stream is open. Returns the end. */
export function listen(listener, state = () => {}) {
  const one = { listener, state };
  listeners.add(one);
  if (!source) open();
  else state(source.readyState === EventSource.OPEN);
  return () => listeners.delete(one);
}

function open() {
  source = new EventSource("/v1/events");
  source.onopen = () => tell(true);
  source.onerror = () => {
    tell(false);
    if (source.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(() => listeners.size && !source && open(), 5000);
    }
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const entry = JSON.parse(event.data);
      for (const one of listeners) one.listener(entry);
    });
  }
}

function tell(open) {
  for (const one of listeners) one.state(open);
}
