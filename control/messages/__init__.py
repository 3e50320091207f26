"""Messages at the door: envelopes that are admitted into the log, and requests that are taken along the road."""
