"""The keys with which people answer plans that wait: made in the keystore, enrolled with the person, found again.

A person's key is not the operator's: with the one a home is run, with the other somebody agrees in person.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from infrafabric.kernel.approving import approval_bytes
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused
from infrafabric.kernel.words.plan import Verdict

if TYPE_CHECKING:
    from infrafabric.kernel.ports import Asked
    from infrafabric.keys.keystore import Keystore
    from infrafabric.keys.signing import SigningKey

__all__ = ["OPERATOR_PERSON", "agreement", "by_source", "key_name", "key_of", "objection"]

OPERATOR_PERSON = "person-operator"
"""Name in the keystore of the key of if://person/operator."""

_UNFIT = re.compile(r"[^a-z0-9_-]+")


def key_name(talent: str, taken: list[str]) -> str:
    """A fresh name in the keystore for a key of `talent`. It is for people; `key_of` goes by the key itself."""
    plain = _UNFIT.sub("-", talent.removeprefix("if://").lower().replace("/", "-")).strip("-")[:40]
    names = (f"{plain}-{number}" if number > 1 else plain for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def key_of(keystore: Keystore, talent: str, enrolled: str | None) -> SigningKey:
    """The private key of which `enrolled` is the public half.

    Raises IF_ERR_KEY_MISSING where the person has none enrolled, or it is not in this home; IF_ERR_KEY_*,
    IF_ERR_PASSPHRASE_*.
    """
    if not enrolled:
        raise FabricError(
            Code.KEY_MISSING,
            f"no key is enrolled for {talent}",
            remedy=f'Make one: `ifctl talent key {talent} --why "…"`.',
        )
    for name in keystore.names():
        try:
            found = str(keystore.public(name)) == enrolled
        except FabricError:  # an age identity, or a file that is damaged: not this key
            continue
        if found:
            return keystore.load(name)
    raise FabricError(
        Code.KEY_MISSING,
        f"the key enrolled for {talent} is not in this home",
        remedy="Answer where that key is, or enrol another: `ifctl talent key`.",
    )


def agreement(asked: Asked, approver: str, key: SigningKey, why: str) -> ApprovalGiven:
    """That `approver` agrees to the plan that `asked` is about, signed."""
    verdict = asked.decision.verdict
    return ApprovalGiven(verdict=verdict, **_answer(asked, approver, why), **_signed(asked, approver, verdict, key))


def objection(asked: Asked, approver: str, key: SigningKey, why: str) -> ApprovalRefused:
    """That `approver` refuses the plan that `asked` is about, signed."""
    return ApprovalRefused(**_answer(asked, approver, why), **_signed(asked, approver, Verdict.DENY, key))


def by_source(asked: Asked, talent: str, source: str, why: str) -> ApprovalGiven:
    """That the action `source` of `talent` planned the same. Nobody signs it: the log says so."""
    return ApprovalGiven(verdict=asked.decision.verdict, source=source, **_answer(asked, talent, why))


def _answer(asked: Asked, who: str, why: str) -> dict[str, Any]:
    """The members that every answer to `asked` has."""
    pending = asked.pending
    return {
        "approver": who,
        "context_digest": asked.context_digest,
        "nonce": pending.nonce,
        "expires": pending.expires,
        "why": why,
    }


def _signed(asked: Asked, approver: str, verdict: Verdict, key: SigningKey) -> dict[str, Any]:
    message = approval_bytes(
        context_digest=asked.context_digest,
        verdict=verdict,
        approver=approver,
        expires=asked.pending.expires,
        nonce=asked.pending.nonce,
    )
    return {"key": str(key.public), "signature": base64.b64encode(key.sign(message)).decode("ascii")}
