"""Messages of an open house."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from infrafabric.control.messages.admission import Limits, Messages
from infrafabric.kernel.clock import moment
from infrafabric.kernel.words.entries import Kind
from infrafabric.transports.envelopes.admission import Rules
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.control.settings import Settings
    from infrafabric.witness.reading import LogReading

__all__ = ["messages_of", "rules_of"]


def messages_of(house: House) -> Messages:
    """Of a house that is open with its own kernel: there is one for as long as it is open."""
    parts, chosen = house.kernel.parts, house.settings.messages
    return Messages(
        house.log,
        house.authority,
        now=parts.now,
        act=house.kernel.act,
        count=parts.count,
        holds_secret=lambda text, tenant: house.redactor.holds_of(text, {tenant}),
        limits=Limits(rules_of(house.settings), chosen.sender_rps, chosen.sender_burst, _since(house.reading)),
        development=house.home.is_development,
    )


def rules_of(settings: Settings) -> Rules:
    """The rules of admission out of `[messages]`."""
    chosen = settings.messages
    return Rules(chosen.skew_s, chosen.longest_ttl_s, chosen.nonces_each)


def _since(log: LogReading) -> datetime | None:
    """When the present origin took over; None where it is the first."""
    found = log.find(Query(kind=Kind.ORIGIN_OPENED.value, limit=1))
    if not found or found[0].body is None or not found[0].body["before"]:
        return None
    return moment(found[0].at)
