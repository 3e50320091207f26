"""Approvals: who may answer a plan that waits, and whether enough of them have agreed.

An answer counts as long as all of this holds, which is asked when it is given and once more when the action goes on:

- it was given to this very question (nonce, context digest, verdict) and its time is not over;
- a person's is signed by the key now enrolled for it, or by a passkey now enrolled for it; the person is of the
  asker's tenant, has one of the roles that are needed, is let by the policies (action `approve`), is not the asker, and
  is not owned by the asker. An agent's owner may approve what the agent asks;
- a second source's (HOLD only) is another action that planned the very same changes with the same capability on the
  same target, lately, for a talent that shares no owner with the asker, and rests on other evidence. What it was
  granted must allow it still, and it is a source once: it answers no second question. Its own plan would not have had
  to wait for people, a person answers for either talent, and where the asker was unsure, it has checked evidence;
- nobody, no key and no owner is counted twice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from infrafabric.kernel.approving import approval_bytes
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Asked, Facts, Sourced
from infrafabric.kernel.words.access import Assertion, Passkey
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.policy import Needs, Pending
from infrafabric.kernel.words.things import Talent
from infrafabric.keys.passkeys import verify_assertion
from infrafabric.keys.signing import PublicKey
from infrafabric.policy.roles import held

__all__ = ["PeopleApprovals"]

PERSON = "if://person/"
BORDERLINE = "routing/borderline"
"""The rule by which a plan waits because its asker is unsure."""


def _nothing(action: str) -> Sourced | None:
    return None


def _anyone(person: Talent, asked: Asked) -> str:
    return ""


def _any_source(talent: Talent, source: Sourced) -> str:
    return ""


class PeopleApprovals:
    """Implements the kernel's port `Approvals`."""

    def __init__(
        self,
        facts: Facts,
        sourced: Callable[[str], Sourced | None] = _nothing,
        forbidden: Callable[[Talent, Asked], str] = _anyone,
        withdrawn: Callable[[Talent, Sourced], str] = _any_source,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`facts` are those that `kernel.authority.Authority` believes; `sourced` looks up an action that may speak as
        a second source, None where it may not; `forbidden` says why the policies do not let a person answer, "" where
        they do; `withdrawn` says why a source's talent could not ask for the same now, "" where it could."""
        self._facts = facts
        self._sourced = sourced
        self._forbidden = forbidden
        self._withdrawn = withdrawn
        self._now = now

    def ask(self, decision: Decision) -> Pending:
        """The question that a HOLD or an ESCALATE puts to people: a fresh nonce, and when it expires."""
        needs = decision.needs or Needs()
        nonce = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()
        expires = self._now() + timedelta(seconds=needs.wait_s)
        return Pending(needs=needs, nonce=nonce, expires=f"{expires:%Y-%m-%dT%H:%M:%SZ}")

    def overdue(self, expires: str) -> bool:
        """Whether a question that expires then is over. A time that cannot be read is over."""
        at = _time(expires)
        return at is None or self._now() >= at

    def check(self, asked: Asked, given: ApprovalGiven, before: Sequence[ApprovalGiven]) -> None:
        """Raise IF_ERR_APPROVAL_INVALID unless `given` counts, beside those given before it."""
        self._check_question(asked, given)
        if given.source and given.assertion:
            raise _invalid("it is of a second source and of a passkey at once")
        if given.verdict is not asked.decision.verdict or given.verdict not in (Verdict.HOLD, Verdict.ESCALATE):
            raise _invalid(f"it agrees to {given.verdict.value}, and the question is {asked.decision.verdict.value}")
        if given.source:
            self._check_source(asked, given)
        else:
            person = self._person(asked, given, given.verdict)
            if asked.talent in self._chain(person.id) or _signer(given) in self._keys(asked.talent):
                raise _invalid(f"{person.id} is the asker {asked.talent}, or owned by it")
        self._check_distinct(given, before)

    def check_refusal(self, asked: Asked, refused: ApprovalRefused) -> None:
        """Raise IF_ERR_APPROVAL_INVALID unless who refused may: whoever could approve, or the asker in person."""
        self._check_question(asked, refused)
        self._person(asked, refused, Verdict.DENY)

    def counting(self, asked: Asked, given: Sequence[ApprovalGiven]) -> Sequence[ApprovalGiven]:
        """Those of `given` that count now. Never raises."""
        return self._count(asked, given)[0]

    def missing(self, asked: Asked, given: Sequence[ApprovalGiven]) -> str:
        """What still lacks, in words; "" where enough agreed whose approvals count now. Never raises."""
        needs = asked.pending.needs
        counted, reasons = self._count(asked, given)
        lacking = needs.people - len(counted)
        if lacking <= 0:
            return ""
        who = f" of the role {' or '.join(needs.roles)}" if needs.roles else ""
        people = f"{lacking} more {'person' if lacking == 1 else 'people'}{who} must agree"
        source = ", or a second source" if self._takes_source(asked) else ""
        return f"{people}{source}{''.join(f'; {reason}' for reason in reasons)}"

    def _count(self, asked: Asked, given: Sequence[ApprovalGiven]) -> tuple[list[ApprovalGiven], list[str]]:
        counted: list[ApprovalGiven] = []
        reasons: list[str] = []
        for one in given:
            try:
                self.check(asked, one, counted)
            except FabricError as error:
                reasons.append(f"the approval of {one.approver} does not count: {error.message}")
            except Exception as error:  # whatever went wrong, it is no leave to count it
                reasons.append(f"the approval of {one.approver} could not be checked: {type(error).__name__}")
            else:
                counted.append(one)
        return counted, reasons

    def _check_question(self, asked: Asked, given: ApprovalGiven | ApprovalRefused) -> None:
        """That it answers this question, in time."""
        if given.nonce != asked.pending.nonce or given.context_digest != asked.context_digest:
            raise _invalid(f"it answers another question than that of {asked.action}")
        until, end = _time(given.expires), _time(asked.pending.expires)
        if until is None or end is None or until > end:
            raise _invalid("it would hold longer than the question")
        if self._now() >= until:
            raise _invalid(f"it expired at {given.expires}")

    def _person(self, asked: Asked, given: ApprovalGiven | ApprovalRefused, verdict: Verdict) -> Talent:
        """The person who signed: known, of the tenant, with the enrolled key and a role that is needed."""
        person = self._talent(given.approver)
        if person is None:
            raise _invalid(f"there is no person {given.approver}, or it was revoked")
        if not person.id.startswith(PERSON):
            raise _invalid(f"{person.id} is no person")
        if person.tenant != asked.tenant:
            raise _invalid(f"{person.id} is of another tenant")
        statement = approval_bytes(
            context_digest=asked.context_digest,
            verdict=verdict,
            approver=person.id,
            expires=given.expires,
            nonce=asked.pending.nonce,
        )
        if given.assertion is not None:
            self._check_passkey(person, given, given.assertion, statement)
        elif not person.key or given.key != person.key:
            raise _invalid(f"it is not signed with the key enrolled for {person.id}")
        elif not _verify(person.key, statement, given.signature):
            raise _invalid(f"the signature of {person.id} does not hold")
        needed = asked.pending.needs.roles
        withdrawing = verdict is Verdict.DENY and person.id == asked.talent
        if needed and not withdrawing and not held(person.roles, self._facts, person.tenant) & set(needed):
            raise _invalid(f"{person.id} has none of the roles {', '.join(needed)}")
        if not withdrawing and (why := self._forbidden(person, asked)):
            raise _invalid(f"{person.id} may not answer: {why}")
        return person

    def _check_passkey(
        self, person: Talent, given: ApprovalGiven | ApprovalRefused, assertion: Assertion, statement: bytes
    ) -> None:
        """That a passkey now enrolled for the person signed it, and that the answer says truly which."""
        if given.key or given.signature:
            raise _invalid("it is signed with a key and with a passkey at once")
        fact = self._facts.get("passkey", assertion.credential)
        passkey = Passkey.model_validate(dict(fact)) if fact is not None else None
        if passkey is None or (passkey.talent, passkey.tenant) != (person.id, person.tenant):
            raise _invalid(f"it is not signed with a passkey enrolled for {person.id}")
        if (assertion.public_key, assertion.rp_id) != (passkey.public_key, passkey.rp_id):
            raise _invalid(f"it names another key than that of the passkey of {person.id}")
        try:
            verify_assertion(
                assertion,
                public_key=passkey.public_key,
                rp_id=passkey.rp_id,
                challenge=hashlib.sha256(statement).digest(),
            )
        except FabricError as error:
            raise _invalid(f"the passkey of {person.id}: {error.message}") from error

    def _takes_source(self, asked: Asked) -> bool:
        return asked.decision.verdict is Verdict.HOLD and asked.pending.needs.source

    def _check_source(self, asked: Asked, given: ApprovalGiven) -> None:
        """That another action is a second, independent source for the same changes."""
        if not self._takes_source(asked):
            raise _invalid("this question is for people; a second source does not answer it")
        source = self._sourced(given.source)
        if source is None or source.action == asked.action or source.purpose not in ("plan", "dry_run"):
            raise _invalid(f"{given.source} is no action that planned and wrote nothing")
        talent = self._talent(source.talent)
        if talent is None or given.approver != source.talent:
            raise _invalid(f"{given.source} is not by {given.approver}, or its talent was revoked")
        if {source.tenant, talent.tenant} != {asked.tenant}:
            raise _invalid(f"{source.talent} is of another tenant")
        if (source.capability, source.target) != (asked.capability, asked.target):
            raise _invalid(f"{given.source} planned for another capability or target")
        if not asked.changes_digest or source.changes_digest != asked.changes_digest:
            raise _invalid(f"{given.source} planned other changes")
        end, at = _time(asked.pending.expires), _time(source.at)
        # As long before the question as the question is open: an old look at the world is no second one.
        if end is None or at is None or at < end - 2 * timedelta(seconds=asked.pending.needs.wait_s):
            raise _invalid(f"{given.source} is too old to be a second look")
        if shared := self._chain(source.talent) & self._chain(asked.talent):
            raise _invalid(f"{source.talent} and {asked.talent} are not independent: {', '.join(sorted(shared))}")
        for one in (source.talent, asked.talent):
            if not any(who.startswith(PERSON) for who in self._chain(one)):
                raise _invalid(f"no person answers for {one}: that the two are independent cannot be shown")
        if source.verdict not in (Verdict.SHARE, Verdict.HOLD):
            raise _invalid(f"{given.source} would itself wait for people: it is no surer than the asker")
        if source.evidence & asked.evidence:
            raise _invalid(f"{given.source} rests on the same evidence")
        if BORDERLINE in asked.decision.rules and not source.checked:
            raise _invalid(f"{given.source} has no checked evidence, and the question is one of confidence")
        used = self._facts.get("source", given.source)
        if used is not None and used["action"] != asked.action:
            raise _invalid(f"{given.source} was the second source for {used['action']}, and is one once")
        if why := self._withdrawn(talent, source):
            raise _invalid(f"{source.talent} could not ask for it now: {why}")

    def _check_distinct(self, given: ApprovalGiven, before: Sequence[ApprovalGiven]) -> None:
        own = self._chain(given.approver)
        for other in before:
            if own & self._chain(other.approver):
                raise _invalid(f"{given.approver} and {other.approver}, who agreed already, count once")
            if _signer(given) and _signer(given) == _signer(other):
                raise _invalid(f"the key of {given.approver} agreed already, as {other.approver}")

    def _chain(self, talent: str) -> frozenset[str]:
        """The talent, its owner, the owner's owner, and so on. Who is revoked owns all the same."""
        found: set[str] = set()
        while talent and talent not in found:
            found.add(talent)
            fact = self._facts.get("talent", talent)
            talent = (fact.get("owner") or "") if fact is not None else ""
        return frozenset(found)

    def _talent(self, talent: str) -> Talent | None:
        """None where there is none, or it was revoked."""
        fact = self._facts.get("talent", talent)
        if fact is None:
            return None
        members = dict(fact)
        if members.pop("revoked") is not False:
            return None
        return Talent.model_validate(members)

    def _keys(self, talent: str) -> frozenset[str]:
        """The enrolled key and the passkeys' keys."""
        fact = self._facts.get("talent", talent)
        passkeys = (value["public_key"] for _, value in self._facts.scan("passkey") if value["talent"] == talent)
        return frozenset(key for key in (str((fact or {}).get("key") or ""), *passkeys) if key)


def _signer(given: ApprovalGiven) -> str:
    """The public key by which it is signed, whatever it was called; "" for a source."""
    return given.assertion.public_key if given.assertion is not None else given.key


def _invalid(message: str) -> FabricError:
    return FabricError(Code.APPROVAL_INVALID, message)


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _verify(key: str, message: bytes, signature: str) -> bool:
    try:
        return PublicKey.from_base64(key).verify(message, base64.b64decode(signature, validate=True))
    except (FabricError, binascii.Error, ValueError):
        return False
