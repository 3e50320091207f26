"""What the passkey routes take and answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from infrafabric.control.api.shapes.common import Because, Shape, Taken

__all__ = [
    "Answer", "AnswerOptions", "Creation", "EnrolOptions", "NewPasskey", "PasskeyRow", "Passkeys", "Revocation",
    "RevokeOptions", "Signed",
]  # fmt: skip

Part = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,8192}$")]


class PasskeyRow(Shape):
    """A passkey. Its public key is in the log."""

    id: str
    """The credential's id, base64url."""
    talent: str
    rp_id: str
    """The host name that it works for."""
    label: str


class Passkeys(Shape):
    passkeys: list[PasskeyRow]


class Signed(Taken):
    """An assertion of `navigator.credentials.get`, its parts as base64url."""

    credential: Part
    authenticator_data: Part
    client_data: Part
    signature: Part


class Registration(Taken):
    """What `navigator.credentials.create` gave, its parts as base64url."""

    id: Part
    client_data: Part
    attestation: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,16384}$")]


class NewPasskey(Because):
    challenge: Part
    """That of the options."""
    registration: Registration
    shown: Signed | None = None
    """A passkey of the person over the same challenge: asked for where it has one."""
    label: Annotated[str, StringConstraints(max_length=100)] = ""


class Revocation(Because):
    challenge: Part | None = None
    """That of the options."""
    shown: Signed | None = None
    """A passkey of the person over that challenge: asked for where the person revokes its own."""


class Descriptor(Shape):
    """PublicKeyCredentialDescriptorJSON."""

    type: Literal["public-key"]
    id: str


class Party(Shape):
    id: str
    name: str


class User(Shape):
    id: str
    name: str
    displayName: str


class Parameters(Shape):
    type: Literal["public-key"]
    alg: int


class Selection(Shape):
    residentKey: Literal["preferred"]
    userVerification: Literal["required"]


class Creation(Shape):
    """PublicKeyCredentialCreationOptionsJSON (W3C Web Authentication, level 3)."""

    challenge: str
    rp: Party
    user: User
    pubKeyCredParams: list[Parameters]
    timeout: int
    excludeCredentials: list[Descriptor]
    authenticatorSelection: Selection
    attestation: Literal["none"]


class EnrolOptions(Shape):
    options: Creation
    show: list[Descriptor]
    """Passkeys of which one has to be shown, over the same challenge. Empty for a first one."""


class RevokeOptions(Shape):
    challenge: str
    rp_id: str
    show: list[Descriptor]
    """Passkeys of which one has to be shown over the challenge. Empty where none works on this page."""


class Statement(Shape):
    """What an answer signs; to refuse, with the verdict DENY."""

    approver: str
    context_digest: str
    expires: str
    nonce: str
    verdict: str


class AnswerOptions(Shape):
    rp_id: str
    passkeys: list[Descriptor]
    """The caller's that work on this page."""
    statement: Statement


class Answer(Because):
    answer: Literal["agree", "refuse"]
    signed: Signed
