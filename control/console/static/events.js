// What the log records, as it happens: one stream, whoever listens.

const KINDS = [
  "action.cancelled", "action.closed", "action.decided", "action.planned", "action.received", "action.refused",
  "adapter.loaded", "adapter.unloaded", "api_key.changed", "approval.expired", "approval.given", "approval.refused",
  "body.erased", "breaker.changed", "budget.changed", "call.admitted", "call.ended", "call.refused",
  "clock.confirmed", "counter.flushed", "effect.intended", "effect.observed", "grant.changed", "identity.changed",
  "kernel.started", "kernel.stopped", "log.rekeyed", "message.admitted", "message.refused", "origin.opened",
  "passkey.changed", "plan.falsified", "policy.changed", "role.changed", "secret.changed", "secret.used",
  "stop.changed", "talent.changed", "target.changed", "trust.changed", "trust.graced",
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
