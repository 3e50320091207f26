"""`/v1/passkeys` and answers by passkey: what a browser needs for WebAuthn's two ceremonies, and what comes of them.

A passkey is enrolled and revoked by the person itself, in a console session, under the operator's signature. Who has
one shows it first, and who had one comes by a link that was made since: a session that was stolen can neither bring a
passkey of its own nor make room for one.
"""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import Path, Query, Request
from starlette.responses import Response

from infrafabric.control.api.administering import check_may, reason_of, signing
from infrafabric.control.api.answers import answer
from infrafabric.control.api.auth.addresses import origin_of
from infrafabric.control.api.bodies import Routes
from infrafabric.control.api.dependencies import Approving, Reading, TheService, Trace
from infrafabric.control.api.principal import Method, Principal
from infrafabric.control.api.reports import reported
from infrafabric.control.api.routes.actions import ENDINGS
from infrafabric.control.api.routes.approvals import question_of
from infrafabric.control.api.service import Service
from infrafabric.control.api.shapes.actions import Reported
from infrafabric.control.api.tenancy import own_talent
from infrafabric.control.console.answers import agreement, challenge_of, objection
from infrafabric.control.console.challenges import LASTS_S, Challenges
from infrafabric.control.console.shapes import (
    Answer,
    AnswerOptions,
    EnrolOptions,
    NewPasskey,
    PasskeyRow,
    Passkeys,
    Revocation,
    RevokeOptions,
    Signed,
)
from infrafabric.control.records.passkeys import known_passkey, last_changed, passkey_json, passkeys
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import Assertion, Passkey
from infrafabric.kernel.words.plan import Verdict
from infrafabric.keys.passkeys import (
    ALGORITHMS,
    base64url,
    from_base64url,
    of_party,
    verify_assertion,
    verify_enrolment,
)

__all__ = ["router"]

router = Routes(tags=["passkeys"])

PERSON = "if://person/"
USER_BYTES = 64
"""The most that a WebAuthn user handle may have."""

PasskeyId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,1400}$")]


@router.get("/passkeys", response_model=Passkeys)
async def list_(
    service: TheService,
    caller: Reading,
    talent: Annotated[str, Query(max_length=300, description="Whose; only administrators see others'.")] = "",
) -> Response:
    """The caller's passkeys."""
    who = own_talent(service.house, caller, talent) if talent else caller.talent.id
    if who != caller.talent.id:
        check_may(service, caller, caller.talent.tenant)
    return answer({"passkeys": [passkey_json(one) for one in _passkeys(service, who)]})


@router.post("/passkeys/options", response_model=EnrolOptions)
async def options_to_enrol(request: Request, service: TheService, caller: Approving) -> Response:
    """What `navigator.credentials.create` takes to make a passkey for the caller."""
    _check_may_enrol(caller)
    rp_id, _ = _page(request)
    challenge = _challenges(service).new(caller.credential, service.house.clock().timestamp())
    owned = _shown_here(service, caller, rp_id)
    options = {
        "challenge": base64url(challenge),
        "rp": {"id": rp_id, "name": f"InfraFabric {service.house.log.origin}"},
        "user": {
            "id": base64url(caller.talent.id.encode()[:USER_BYTES]),
            "name": caller.talent.id.removeprefix(PERSON),
            "displayName": caller.talent.id,
        },
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
        "timeout": LASTS_S * 1_000,
        "excludeCredentials": owned,
        "authenticatorSelection": {"residentKey": "preferred", "userVerification": "required"},
        "attestation": "none",
    }
    return answer({"options": options, "show": owned})


@router.post("/passkeys", response_model=PasskeyRow, status_code=201)
async def enrol(given: NewPasskey, request: Request, service: TheService, caller: Approving, trace: Trace) -> Response:
    """Enrol the passkey that was made for the options. Signed with the operator's key, which must be at hand."""
    _check_may_enrol(caller)
    house = service.house
    rp_id, origin = _page(request)
    challenge = from_base64url(given.challenge)
    _challenges(service).check(challenge, caller.credential, house.clock().timestamp())

    def check() -> None:
        service.leaves.present(caller)
        if given.shown is not None:
            _shown(service, caller, given.shown, challenge, rp_id, origin)
        else:
            _check_first(service, request, caller)

    change = await signing(service, caller, given.why, trace, check)
    made = given.registration
    response = {"clientDataJSON": made.client_data, "attestationObject": made.attestation}
    found = verify_enrolment(
        {"id": made.id, "rawId": made.id, "type": "public-key", "response": response},
        challenge=challenge,
        rp_id=rp_id,
        origins=[origin],
    )
    if house.log.facts.get("passkey", found.id) is not None:
        raise FabricError(Code.PASSKEY_INVALID, "the passkey is enrolled already")
    passkey = Passkey(
        id=found.id,
        talent=caller.talent.id,
        tenant=caller.talent.tenant,
        public_key=found.public_key,
        rp_id=rp_id,
        label=given.label,
    )
    await change.record(change.operator.passkey(passkey, change.why), also=check)
    return answer(passkey_json(passkey), 201)


@router.post("/passkeys/{passkey_id}/revoke", response_model=PasskeyRow)
async def revoke(
    passkey_id: PasskeyId, given: Revocation, request: Request, service: TheService, caller: Approving, trace: Trace
) -> Response:
    """Let a passkey answer nothing any more; what it agreed to and was not done yet is not done.

    One's own, in a console session and by showing one of them that works on this page; or as an administrator another's
    of the tenant.
    """
    passkey = known_passkey(service.house, passkey_id, lambda it: it.tenant == caller.talent.tenant)

    def check() -> None:
        if passkey.talent != caller.talent.id:
            check_may(service, caller, passkey.tenant)
        else:
            service.leaves.present(caller)
            _check_owner(service, request, caller, passkey, given)

    change = await signing(service, caller, given.why, trace, check)
    await change.record(change.operator.passkey(passkey, change.why, "revoked"))
    return answer(passkey_json(passkey))


@router.post("/passkeys/{passkey_id}/revoke/options", response_model=RevokeOptions)
async def options_to_revoke(
    passkey_id: PasskeyId, request: Request, service: TheService, caller: Approving
) -> Response:
    """What `navigator.credentials.get` takes to show a passkey of the caller's, so that this one may be revoked."""
    passkey = known_passkey(service.house, passkey_id, lambda it: it.talent == caller.talent.id)
    _check_in_session(caller, "revoked")
    rp_id, _ = _page(request)
    challenge = _challenges(service).new(_revoking(caller, passkey), service.house.clock().timestamp())
    return answer({"challenge": base64url(challenge), "rp_id": rp_id, "show": _shown_here(service, caller, rp_id)})


@router.get("/approvals/{action}/passkey", response_model=AnswerOptions)
async def options_to_answer(action: str, request: Request, service: TheService, caller: Approving) -> Response:
    """The caller's passkeys that work on this page, and the statement that one of them is to sign.

    The challenge is the SHA-256 of `infrafabric-approval-v1`, a line feed and the statement's RFC 8785 JSON. The page
    makes it itself, from the question that it shows.
    """
    asked = question_of(service.house, caller, action)
    rp_id, _ = _page(request)
    statement = {
        "approver": caller.talent.id,
        "context_digest": asked.context_digest,
        "expires": asked.pending.expires,
        "nonce": asked.pending.nonce,
        "verdict": asked.decision.verdict.value,
    }
    owned = _shown_here(service, caller, rp_id)
    return answer({"rp_id": rp_id, "passkeys": owned, "statement": statement})


@router.post("/approvals/{action}/passkey", response_model=Reported, responses=ENDINGS)
async def answered(action: str, given: Answer, request: Request, service: TheService, caller: Approving) -> Response:
    """Agree or refuse, signed by a passkey: what became of the action, which goes on once enough agreed."""
    house, who = service.house, caller.talent.id
    asked = question_of(house, caller, action)
    rp_id, origin = _page(request)
    why = reason_of(house, given.why, caller)
    verdict = asked.decision.verdict if given.answer == "agree" else Verdict.DENY
    assertion = _shown(service, caller, given.signed, challenge_of(asked, who, verdict), rp_id, origin)
    if given.answer == "agree":
        return reported(request, house, await house.kernel.approve(action, agreement(asked, who, assertion, why)))
    report = await house.kernel.refuse(action, objection(asked, who, assertion, why))
    return reported(request, house, report, Code.APPROVAL_REFUSED)


def _page(request: Request) -> tuple[str, str]:
    """Relying party id and origin of the page that asks. Raises IF_ERR_PASSKEY_INVALID where it can be none."""
    name, origin = request.url.hostname or "", origin_of(request)
    if not of_party(origin, name) or name.replace(".", "").isdigit():
        raise FabricError(Code.PASSKEY_INVALID, f"passkeys do not work on pages of {origin[:200]}")
    return name, origin


def _check_may_enrol(caller: Principal) -> None:
    """In person, in the console: neither an API key nor a token brings a passkey."""
    _check_in_session(caller, "enrolled")
    if not caller.talent.id.startswith(PERSON):
        raise FabricError(Code.PASSKEY_INVALID, f"{caller.talent.id} is no person")


def _check_in_session(caller: Principal, done: str) -> None:
    if caller.method is not Method.SESSION:
        raise FabricError(Code.SCOPE_MISSING, f"one's own passkeys are {done} in a console session")


def _check_first(service: Service, request: Request, caller: Principal) -> None:
    """Raise IF_ERR_PASSKEY_INVALID where nothing is shown and the caller has a passkey, on whichever page it works, or
    had one and comes by a link that is older than the end of it."""
    who, session = caller.talent.id, service.sessions.current(request)
    if _passkeys(service, who):
        raise FabricError(
            Code.PASSKEY_INVALID, f"{who} has a passkey, which has to be shown first",
            remedy="Show it on the page that it works for, or let an operator revoke it: `ifctl passkey revoke`.",
        )  # fmt: skip
    last = last_changed(service.house, who)
    if session is None or (last is not None and session.linked <= last):
        raise FabricError(
            Code.PASSKEY_INVALID, f"{who} had a passkey when the session began",
            remedy="An operator makes a fresh link: `ifctl console --for`.",
        )  # fmt: skip


def _check_owner(service: Service, request: Request, caller: Principal, passkey: Passkey, given: Revocation) -> None:
    """Raise IF_ERR_SCOPE_MISSING, IF_ERR_PASSKEY_* unless the owner shows a passkey to revoke this one."""
    _check_in_session(caller, "revoked")
    if given.challenge is None or given.shown is None:
        raise FabricError(
            Code.PASSKEY_INVALID, "to revoke one's own passkey, one of them has to be shown",
            remedy="Where none is left to show an operator revokes it: `ifctl passkey revoke`.",
        )  # fmt: skip
    rp_id, origin = _page(request)
    challenge = from_base64url(given.challenge)
    _challenges(service).check(challenge, _revoking(caller, passkey), service.house.clock().timestamp())
    _shown(service, caller, given.shown, challenge, rp_id, origin)


def _revoking(caller: Principal, passkey: Passkey) -> str:
    """Whom a challenge is for that serves to revoke this one passkey, and to enrol none."""
    return f"{caller.credential} revokes {passkey.id}"


def _shown_here(service: Service, caller: Principal, rp_id: str) -> list[dict[str, str]]:
    return [_descriptor(one) for one in _passkeys(service, caller.talent.id, rp_id)]


def _passkeys(service: Service, who: str, rp_id: str = "") -> list[Passkey]:
    return passkeys(service.house, lambda one: one.talent == who and rp_id in ("", one.rp_id))


def _shown(service: Service, caller: Principal, signed: Signed, challenge: bytes, rp_id: str, origin: str) -> Assertion:
    """The assertion of a passkey of the caller's, made on this very page. Raises IF_ERR_PASSKEY_*."""
    own = caller.talent.id, rp_id
    found = known_passkey(service.house, signed.credential, lambda it: (it.talent, it.rp_id) == own)
    assertion = Assertion(**signed.model_dump(), public_key=found.public_key, rp_id=rp_id)
    verify_assertion(assertion, public_key=found.public_key, rp_id=rp_id, challenge=challenge, origins=[origin])
    return assertion


def _challenges(service: Service) -> Challenges:
    return Challenges(service.once("passkey challenges", lambda: secrets.token_bytes(32)))


def _descriptor(passkey: Passkey) -> dict[str, str]:
    return {"type": "public-key", "id": passkey.id}
