"""`/v1/passkeys` and answers by passkey: what a browser needs for WebAuthn's two ceremonies, and what comes of them.

A passkey is enrolled by the person itself, in a console session, under the operator's signature; who has one already
shows it first, so that a session that was stolen cannot bring a passkey of its own.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, StringConstraints

from infrafabric.control.api.dependencies import Approving, Reading, TheService, Trace
from infrafabric.control.api.principal import Method, Principal
from infrafabric.control.api.service import Service
from infrafabric.control.cli.action_view import report_json
from infrafabric.control.cli.approvals_view import history_of
from infrafabric.control.console.answers import agreement, challenge_of, objection
from infrafabric.control.console.challenges import Challenges
from infrafabric.control.operator import Operator
from infrafabric.kernel.ask import Report
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

router = APIRouter(tags=["passkeys"])

PERSON = "if://person/"
TIMEOUT_MS = 300_000
"""As long as a challenge lasts."""

Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]
Part = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,8192}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Signed(_Body):
    """An assertion of `navigator.credentials.get`, its parts as base64url."""

    credential: Part
    authenticator_data: Part
    client_data: Part
    signature: Part


class Registration(_Body):
    """What `navigator.credentials.create` gave."""

    id: Part
    client_data: Part
    attestation: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,16384}$")]


class NewPasskey(_Body):
    challenge: Part
    """That of the options."""
    registration: Registration
    shown: Signed | None = None
    """A passkey of the person, over the same challenge: asked for where it has one."""
    label: Annotated[str, StringConstraints(max_length=100)] = ""
    why: Why


class Revoked(_Body):
    why: Why


class Answer(_Body):
    answer: Literal["agree", "refuse"]
    signed: Signed
    why: Why


Action = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]


@router.get("/passkeys")
async def own_passkeys(service: TheService, caller: Reading) -> dict[str, Any]:
    """The caller's passkeys."""
    return {"passkeys": [_shape(one) for one in _passkeys(service, caller.talent.id)]}


@router.post("/passkeys/options")
async def options_to_enrol(request: Request, service: TheService, caller: Approving) -> dict[str, Any]:
    """PublicKeyCredentialCreationOptionsJSON for a new passkey, and those of which one is to be shown first."""
    _check_may_enrol(caller)
    rp_id, _ = _page(request)
    challenge = _challenges(service).new(caller.credential, service.house.clock().timestamp())
    owned = [_descriptor(one) for one in _passkeys(service, caller.talent.id, rp_id)]
    return {
        "show": owned,
        "options": {
            "challenge": base64url(challenge),
            "rp": {"id": rp_id, "name": f"InfraFabric {service.house.reading.origin}"},
            "user": {
                "id": base64url(caller.talent.id.encode()[:64]),
                "name": caller.talent.id.removeprefix(PERSON),
                "displayName": caller.talent.id,
            },
            "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
            "timeout": TIMEOUT_MS,
            "excludeCredentials": owned,
            "authenticatorSelection": {"residentKey": "preferred", "userVerification": "required"},
            "attestation": "none",
        },
    }


@router.post("/passkeys", status_code=201)
async def enrol(
    request: Request, body: NewPasskey, service: TheService, caller: Approving, trace: Trace
) -> dict[str, Any]:
    """Enrol the passkey that was made for the options. Signed with the operator's key, which must be at hand."""
    _check_may_enrol(caller)
    rp_id, origin = _page(request)
    challenge = from_base64url(body.challenge)
    _challenges(service).check(challenge, caller.credential, service.house.clock().timestamp())
    operator = _operator(service, caller, trace)
    made = {"clientDataJSON": body.registration.client_data, "attestationObject": body.registration.attestation}
    one = body.registration.id
    found = verify_enrolment(
        {"id": one, "rawId": one, "type": "public-key", "response": made},
        challenge=challenge,
        rp_id=rp_id,
        origins=[origin],
    )
    if body.shown is not None:
        _shown(service, caller, body.shown, challenge, rp_id, origin)
    elif _passkeys(service, caller.talent.id, rp_id):
        raise FabricError(Code.PASSKEY_INVALID, f"{caller.talent.id} has a passkey, which has to be shown first")
    if service.house.reading.facts.get("passkey", found.id) is not None:
        raise FabricError(Code.PASSKEY_INVALID, "the passkey is enrolled already")
    passkey = Passkey(
        id=found.id,
        talent=caller.talent.id,
        tenant=caller.talent.tenant,
        public_key=found.public_key,
        rp_id=rp_id,
        label=body.label,
    )
    await service.house.record(operator.passkey(passkey, body.why))
    return _shape(passkey)


@router.post("/passkeys/{name}/revoke")
async def revoke(
    name: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,8192}$")],
    body: Revoked,
    service: TheService,
    caller: Approving,
    trace: Trace,
) -> dict[str, Any]:
    """Let a passkey of the caller's answer nothing any more; what it agreed to and was not done yet is not done."""
    passkey = next((one for one in _passkeys(service, caller.talent.id) if one.id == name), None)
    if passkey is None:
        raise FabricError(Code.PASSKEY_UNKNOWN, f"{caller.talent.id} has no passkey {name[:60]}")
    await service.house.record(_operator(service, caller, trace).passkey(passkey, body.why, "revoked"))
    return _shape(passkey)


@router.get("/approvals/{action}/passkey")
async def options_to_answer(action: Action, request: Request, service: TheService, caller: Approving) -> dict[str, Any]:
    """The caller's passkeys that work on this page, and the statement's members that a passkey is to sign.

    The challenge is the SHA-256 of `infrafabric-approval-v1`, a line feed and the statement's RFC 8785 JSON, its
    `verdict` DENY to refuse. The page makes it itself, from the question that it shows.
    """
    asked = history_of(service.house, action, caller.talent.id).asked
    rp_id, _ = _page(request)
    return {
        "rp_id": rp_id,
        "passkeys": [_descriptor(one) for one in _passkeys(service, caller.talent.id, rp_id)],
        "statement": {
            "approver": caller.talent.id,
            "context_digest": asked.context_digest,
            "expires": asked.pending.expires,
            "nonce": asked.pending.nonce,
            "verdict": asked.decision.verdict.value,
        },
    }


@router.post("/approvals/{action}/passkey")
async def answer(
    action: Action, body: Answer, request: Request, service: TheService, caller: Approving
) -> dict[str, Any]:
    """Agree or refuse, signed by a passkey: what became of the action, which goes on once enough agreed."""
    house, who = service.house, caller.talent.id
    asked = history_of(house, action, who).asked
    rp_id, origin = _page(request)
    verdict = asked.decision.verdict if body.answer == "agree" else Verdict.DENY
    assertion = _shown(service, caller, body.signed, challenge_of(asked, who, verdict), rp_id, origin)
    if body.answer == "agree":
        return _answered(await house.kernel.approve(action, agreement(asked, who, assertion, body.why)))
    return _answered(await house.kernel.refuse(action, objection(asked, who, assertion, body.why)))


def _page(request: Request) -> tuple[str, str]:
    """Relying party id and origin of the page that asks. Raises IF_ERR_PASSKEY_INVALID where it can be none."""
    name = request.url.hostname or ""
    origin = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if not of_party(origin, name) or name.replace(".", "").isdigit() or ":" in name:
        raise FabricError(Code.PASSKEY_INVALID, f"passkeys do not work on pages of {origin[:200]}")
    if request.headers.get("origin", origin) != origin:
        raise FabricError(Code.PASSKEY_INVALID, "the request comes from a page of another origin")
    return name, origin


def _check_may_enrol(caller: Principal) -> None:
    """In person, in the console: neither an API key nor a token brings a passkey."""
    if caller.method is not Method.SESSION:
        raise FabricError(Code.SCOPE_MISSING, "passkeys are enrolled in a console session")
    if not caller.talent.id.startswith(PERSON):
        raise FabricError(Code.PASSKEY_INVALID, f"{caller.talent.id} is no person")


def _passkeys(service: Service, who: str, rp_id: str = "") -> list[Passkey]:
    rows = (Passkey.model_validate(value) for _, value in service.house.authority.scan("passkey"))
    return [one for one in rows if one.talent == who and rp_id in ("", one.rp_id)]


def _shown(service: Service, caller: Principal, signed: Signed, challenge: bytes, rp_id: str, origin: str) -> Assertion:
    """The assertion of a passkey of the caller's, made on this very page. Raises IF_ERR_PASSKEY_*."""
    found = next((one for one in _passkeys(service, caller.talent.id, rp_id) if one.id == signed.credential), None)
    if found is None:
        raise FabricError(Code.PASSKEY_UNKNOWN, f"{caller.talent.id} has no such passkey for {rp_id}")
    assertion = Assertion(**signed.model_dump(), public_key=found.public_key, rp_id=rp_id)
    verify_assertion(assertion, public_key=found.public_key, rp_id=rp_id, challenge=challenge, origins=[origin])
    return assertion


def _operator(service: Service, caller: Principal, trace: str) -> Operator:
    """The operator's key at work for the caller. Raises IF_ERR_OPERATOR_AWAY where it is not at hand."""
    house = service.house
    at_hand = house.settings.serve.administer
    if not (house.home.is_development if at_hand is None else at_hand):
        raise FabricError(Code.OPERATOR_AWAY, "a passkey is enrolled and revoked under the operator's signature")
    return replace(house.operator(trace), who=caller.talent.id)


def _challenges(service: Service) -> Challenges:
    return Challenges(service.once("passkey challenges", lambda: secrets.token_bytes(32)))


def _shape(passkey: Passkey) -> dict[str, Any]:
    return {"id": passkey.id, "talent": passkey.talent, "rp_id": passkey.rp_id, "label": passkey.label}


def _descriptor(passkey: Passkey) -> dict[str, str]:
    return {"type": "public-key", "id": passkey.id}


def _answered(report: Report) -> dict[str, Any]:
    receipt = base64.b64encode(report.receipt).decode("ascii") if report.receipt is not None else None
    return {**report_json(report), "receipt": receipt}
