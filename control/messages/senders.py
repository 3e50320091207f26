"""What the log remembers of senders, loaded when a sender is first heard of."""

from __future__ import annotations

from typing import Any

from infrafabric.kernel.clock import moment
from infrafabric.kernel.ports import Facts
from infrafabric.transports.envelopes.admission import Known, Sender

__all__ = ["Senders", "load_sender", "sender_json"]


class Senders:
    """Senders by talent. What is kept here changes with what is admitted, and stands in the log's facts as well."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._kept: dict[str, Sender] = {}

    def of(self, talent: str) -> Sender:
        """What is known of a talent as a sender. The caller has seen to it that there is such a talent."""
        found = self._kept.get(talent)
        if found is None:
            found = self._kept[talent] = load_sender(self._facts, talent)
        return found


def load_sender(facts: Facts, talent: str) -> Sender:
    """A sender as the facts have it."""
    last = facts.get("sender", talent)
    prefix = f"{talent} "
    rows = facts.scan("nonce", prefix)
    known = [Known(int(key[len(prefix) :]), row["nonce"], moment(row["until"])) for key, row in rows]
    return Sender.of(last["seq"] if last is not None else 0, known)


def sender_json(facts: Facts, talent: str, key: str | None) -> dict[str, Any]:
    """`seq` of the last admitted message (0: none yet), the `next` that is taken without a gap, when and as which
    message the last came, how many nonces are remembered, and the enrolled key."""
    last = facts.get("sender", talent) or {"seq": 0, "at": None, "id": None}
    return {
        "sender": talent,
        "key": key,
        "seq": last["seq"],
        "next": last["seq"] + 1,
        "at": last["at"],
        "last": last["id"],
        "nonces": len(facts.scan("nonce", f"{talent} ")),
    }
