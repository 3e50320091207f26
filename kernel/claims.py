"""What a claim is worth: its confidence as far as the kernel could check what it rests on, and whether two contradict.

A talent states its own confidence, so the kernel caps it. The rule, in permille:

| evidence that was checked | at most |
|---|---|
| none | 290: borderline, whatever was claimed |
| from one domain | 600 |
| from two or more domains, all of one type | 800 |
| from two or more domains, of two or more types | 1000 |

Checked is evidence whose bytes were handed in and have the digest that the claim names; the same bytes count once. That
they came from where the claim says is the talent's word: a domain is the last two labels of the address, so that a
subdomain is no second source. `normalized` never counts for more than `raw`.

The log's facts keep what came with admitted asks: of each talent the newest number on a topic and scope.
A claim is contradicted where another talent of the tenant said otherwise in the last 24 hours.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from urllib.parse import urlsplit

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.clock import moment
from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.claims import Claim, Evidence
from infrafabric.kernel.words.things import Talent

__all__ = ["assess", "conflicting", "contradicted", "counted", "topic_key"]

UNCHECKED, ONE_DOMAIN, ONE_TYPE, DIVERSE = 290, 600, 800, 1000
CONFLICT_SHARE = Decimal("0.2")
REMEMBERED = timedelta(hours=24)


def counted(talent: Talent, claim: Claim | None, checked: Collection[str]) -> int | None:
    """The confidence that counts for an ask, in permille; None where none does.

    It counts for a talent marked `confidence_required`, where absent is 0, and wherever a claim is made.
    """
    if claim is None:
        return 0 if talent.confidence_required else None
    return assess(claim, checked)


def assess(claim: Claim, checked: Collection[str]) -> int:
    """The claim's normalized confidence in permille, capped as the module says. `checked` are digests of bytes that
    were handed in."""
    stated = min(claim.confidence.normalized, claim.confidence.raw)
    return min(int(stated * 1000), _cap(claim, checked))


def conflicting(one: Claim, other: Claim) -> bool:
    """Whether two admitted claims on one topic and scope differ by more than a fifth of the larger.

    Claims without a number, of different topics or of different scopes do not contradict each other here.
    """
    if one.topic_hash is None or one.topic_hash != other.topic_hash or dict(one.scope) != dict(other.scope):
        return False
    if one.value is None or other.value is None:
        return False
    return _apart(one.value, other.value)


def topic_key(tenant: str, claim: Claim) -> str:
    """How keys of the facts table `claim` begin: the tenant, the topic, and the digest of the scope. What follows is
    the talent. "" for a claim that cannot contradict another."""
    if claim.topic_hash is None or claim.value is None:
        return ""
    return f"{tenant} {claim.topic_hash} {sha256(dumps(dict(claim.scope)))} "


def contradicted(facts: Facts, claim: Claim, talent: str, tenant: str, now: datetime) -> bool:
    """Whether another talent of the tenant claimed something on the same topic and scope, in the 24 hours before `now`,
    that differs by more than a fifth of the larger."""
    topic = topic_key(tenant, claim)
    if not topic or claim.value is None:
        return False
    return any(
        key != f"{topic}{talent}"
        and now - moment(said["at"]) < REMEMBERED
        and _apart(claim.value, Decimal(said["value"]))
        for key, said in facts.scan("claim", topic)
    )


def _apart(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) > CONFLICT_SHARE * max(abs(one), abs(other))


def _cap(claim: Claim, checked: Collection[str]) -> int:
    held = {one.hash: one for one in reversed(claim.evidence) if one.hash in checked}
    sources = list(held.values())
    if not sources:
        return UNCHECKED
    if len({_domain(one) for one in sources}) < 2:
        return ONE_DOMAIN
    return ONE_TYPE if len({one.type.casefold() for one in sources}) < 2 else DIVERSE


def _domain(evidence: Evidence) -> str:
    """Whom the evidence comes from; "" for an address without a host, which is all one domain."""
    try:
        host = (urlsplit(evidence.url).hostname or "").rstrip(".")
    except ValueError:
        return ""
    try:
        return str(ip_address(host))
    except ValueError:
        return ".".join(host.split(".")[-2:])
