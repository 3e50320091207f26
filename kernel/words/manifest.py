"""The manifest of a capability: what it is, what it needs, which effects it may ask for.

`registry/manifest.schema.json` is this model's published JSON Schema. Parsing YAML, signatures and trust are the
registry's business; this module says only what a well-formed manifest is.

Effects are named templates. In `query`, `headers`, `json`, `form` a scalar is sent as it stands; a mapping that has a
member `enum`, `const`, `anyOf` or a JSON type as its `type` is a *placeholder* (a JSON Schema for the argument named
like its key); one `{secret: NAME}` (optionally with `prefix`) is filled in by the driver from the target's secrets; any
other mapping or list in `json` is literal structure and may hold placeholders deeper down. `path` gives the schemas of
the `{names}` in the operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from infrafabric.kernel.words.base import LATER, Word
from infrafabric.kernel.words.names import CapabilityId, Digest, short_name

__all__ = [
    "Cost", "Effect", "Kind", "Limits", "Manifest", "ProviderKey", "Requires", "ResultRule", "Signals",
    "is_placeholder",
]  # fmt: skip

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
SettingName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}$")]
Hazard = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,47}$")]
Scope = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,47}(:[a-z][a-z0-9_-]{0,47}){0,3}$")]
SignatureText = Annotated[str, StringConstraints(pattern=r"^ed25519:[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{86}==$")]
"""`ed25519:PUBLIC_KEY:SIG`, both base64 with padding (RFC 4648 section 4)."""


class Kind(StrEnum):
    STATE = "state"
    """Plans the difference between what is and what is wanted; nothing to do is an empty plan."""
    EVENT = "event"
    """Plans exactly one act: a message sent, a card charged."""


class ProviderKey(Word):
    """The header in which the provider takes an idempotency key, and how long it honours one."""

    header: str
    window_s: Annotated[int, Field(gt=0)]


class ResultRule(Word):
    """A scalar in a write's answer that a later change may refer to."""

    pointer: str
    """JSON Pointer (RFC 6901) into the answer's JSON body."""
    pattern: Annotated[str, StringConstraints(max_length=200)]
    """Regular expression that the whole scalar must match."""


_JSON_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_SETTING_PLACE = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")


def is_placeholder(value: object) -> bool:
    """Whether a template member stands for an argument: a mapping that is a JSON Schema.

    `type` counts only with the name of a JSON type, since many protocols' messages have a member of that name.
    """
    if not isinstance(value, Mapping):
        return False
    if any(key in value for key in ("enum", "const", "anyOf")):
        return True
    named = value.get("type")
    names = named if isinstance(named, (list, tuple)) else (named,)
    return bool(names) and all(isinstance(name, str) and name in _JSON_TYPES for name in names)


class Effect(Word):
    """One request to the outside that the capability may make, as a template."""

    read: str | None = None
    write: str | None = None
    path: Mapping[str, Any] = {}
    query: Mapping[str, Any] = {}
    headers: Mapping[str, Any] = {}
    body: Any = Field(default=None, alias="json")
    form: Mapping[str, Any] = {}
    optional: tuple[str, ...] = ()
    """Arguments that may be left out; their members are then not sent."""
    summary: str = ""
    """What an approver reads; the publisher's signed words."""
    hazards: tuple[Hazard, ...] = ()
    destructive: bool = False
    creates: bool = False
    """The write makes something new, which only the same action's undo may destroy by `$result`."""
    repeatable: bool = False
    """Sending it twice leaves the world as sending it once."""
    settle_s: Annotated[float, Field(ge=0, le=600)] = 0
    """How long after the write the world may take to show it, in seconds."""
    provider_key: ProviderKey | None = None
    lookup: Name | None = None
    """A read that finds this event again."""
    reply: Mapping[str, Any] = {}
    """How the answer is known and read, where the driver needs to be told; the driver's page says what it takes."""
    view: Mapping[str, Any] = {}
    """A read that the driver answers from what it was told since: a first look, kept current by what the peer tells of
    by itself. The driver's page says what it takes."""
    results: Mapping[Name, ResultRule] = {}

    @model_validator(mode="after")
    def _one_direction(self) -> Effect:
        if (self.read is None) == (self.write is None):
            raise ValueError("an effect is either a read or a write")
        if self.read is not None and (self.destructive or self.creates or self.hazards or self.settle_s):
            raise ValueError("hazards, destructive, creates and settle_s belong to writes")
        if self.view and self.read is None:
            raise ValueError("a view is a read")
        if self.body is not None and self.form:
            raise ValueError("an effect has one body: json or form")
        names = list(self.argument_names())
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the argument {min(twice)!r} stands in more than one place")
        if unknown := set(self.optional) - set(names):
            raise ValueError(f"optional names {min(unknown)!r}, which is no argument")
        return self

    @property
    def operation(self) -> str:
        """The driver's own words for the request, such as `GET /api`."""
        return self.read if self.read is not None else self.write or ""

    @property
    def is_read(self) -> bool:
        return self.read is not None

    def arguments(self) -> dict[str, Mapping[str, Any]]:
        """The placeholders: argument name → JSON Schema."""
        found: dict[str, Mapping[str, Any]] = {}
        for place in (self.path, self.query, self.headers, self.form, self.body, self.view):
            found.update(_placeholders(place))
        return found

    def argument_names(self) -> Iterator[str]:
        for place in (self.path, self.query, self.headers, self.form, self.body, self.view):
            for name, _ in _placeholders(place):
                yield name


def _placeholders(value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if is_placeholder(item):
                yield key, item
            else:
                yield from _placeholders(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _placeholders(item)


class Requires(Word):
    """What the operator must give each target: settings in the clear, secrets by reference."""

    settings: tuple[SettingName, ...] = ()
    optional: tuple[SettingName, ...] = ()
    """Settings that a target may have: what needs them is left out where it has not."""
    secrets: tuple[SettingName, ...] = ()


class Signals(Word):
    """How the peer tells, by itself, that something changed: the kernel then looks again at once instead of later.

    What is told is never shown to the guest. Where no connection for it can be had the kernel looks again and again.
    """

    driver: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] | None = None
    """The driver that listens; left out, the manifest's own, on the connection that it has."""
    base: str = ""
    """Where it listens; empty, the manifest's own base."""
    connection: Mapping[str, Any] = {}
    """As `connection` of a manifest of that driver; empty, the manifest's own."""
    subscribe: tuple[Any, ...] = ()
    """What is said once, so that the peer tells: messages or lines, as the driver takes them."""
    news: tuple[Any, ...] = ()
    """Which of the messages that come are news: the driver's page says how they are named. Empty: all."""


class Limits(Word):
    """What the publisher thinks the system behind can take. The operator's target may only lower them."""

    rps: Annotated[float, Field(gt=0, le=10_000)] = 5
    burst: Annotated[int, Field(ge=1, le=10_000)] = 10
    backoff: tuple[Annotated[float, Field(ge=0, le=600)], ...] = (1, 2, 5, 10, 30)
    concurrency: Annotated[int, Field(ge=1, le=1_000)] = 1
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 10
    """Deadline of one driver call."""
    reads: Annotated[int, Field(ge=1, le=1_000)] = 32
    """Reads in one guest run."""
    answer_bytes: Annotated[int, Field(ge=1, le=8 << 20)] = 1 << 20
    """Size of one answer."""
    duplicates_s: Annotated[float, Field(ge=0, le=86_400)] = 0
    """For an event: seconds within which an equal intent of the same talent is the same act, though it comes without
    an idempotency key."""


class Cost(Word):
    """What one apply costs at least: `per_apply`, a decimal string, in `currency` (ISO 4217), and model `tokens`."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    per_apply: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")] = "0"
    tokens: Annotated[int, Field(ge=0, le=2**53 - 1), LATER] = 0

    @property
    def amount(self) -> Decimal:
        return Decimal(self.per_apply)


class Manifest(Word):
    """A capability as its publisher signed it."""

    id: CapabilityId
    version: Annotated[
        str, StringConstraints(pattern=r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]{1,40})?$")
    ]
    """Semantic Versioning 2.0."""
    summary: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    kind: Kind
    runtime: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*/[1-9]\d*$")]
    entrypoint: Annotated[str, StringConstraints(max_length=300)]
    """`adapter.py:Switcher` for python/1, `adapter.wasm` for component/1."""
    files: Mapping[FileName, Digest] = {}
    intent: Mapping[str, Any]
    """JSON Schema 2020-12 of the intent: an object that takes no further members."""
    requires: Requires = Requires()
    scopes: tuple[Scope, ...] = ()
    driver: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    base: str = ""
    """Where the target is, with `{SETTING}` places filled from its settings."""
    connection: Mapping[str, Any] = {}
    """How a lasting connection is opened and spoken on; the driver's page says what it takes."""
    effects: Annotated[Mapping[Name, Effect], Field(min_length=1, max_length=64)]
    signals: Signals | None = None
    limits: Limits = Limits()
    cost: Cost = Cost()
    signature: SignatureText | None = None
    signatures: tuple[SignatureText, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _older_spelling(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "requires_secrets" in data:
            data = dict(data)
            secrets = data.pop("requires_secrets")
            requires = dict(data.get("requires") or {})
            if "secrets" in requires:
                raise ValueError("secrets are named by requires_secrets or by requires.secrets, not by both")
            data["requires"] = {**requires, "secrets": secrets}
        return data

    @model_validator(mode="after")
    def _hangs_together(self) -> Manifest:
        if self.intent.get("type") != "object" or self.intent.get("additionalProperties") is not False:
            raise ValueError("intent must be a schema of type object with additionalProperties: false")
        for name, effect in self.effects.items():
            if effect.lookup is not None and not (
                effect.lookup in self.effects and self.effects[effect.lookup].is_read
            ):
                raise ValueError(f"effect {name}: lookup {effect.lookup!r} is no read of this manifest")
        for place in _SETTING_PLACE.findall(self.base):
            if place not in self.requires.settings:
                raise ValueError(f"base uses {place}, which requires.settings does not name")
        if twice := set(self.requires.settings) & set(self.requires.optional):
            raise ValueError(f"{min(twice)} is a setting or an optional one, not both")
        if self.signals is not None:
            for place in _SETTING_PLACE.findall(self.signals.base):
                if place not in (*self.requires.settings, *self.requires.optional):
                    raise ValueError(f"signals.base uses {place}, which requires does not name")
            if self.signals.driver is not None and not self.signals.base:
                raise ValueError("signals over a driver of their own need a base")
        for name in [*self.files, self.entrypoint.partition(":")[0]]:
            if PurePosixPath(name).is_absolute() or any(part in ("", ".", "..") for part in name.split("/")):
                raise ValueError(f"the file name {name!r} leaves the bundle")
        if self.limits.duplicates_s and self.kind is Kind.STATE:
            raise ValueError("limits.duplicates_s is for events: a state asked for twice is no duplicate")
        if self.signature is not None and self.signatures:
            raise ValueError("a manifest has signature or signatures, not both")
        return self

    @property
    def name(self) -> str:
        """The short form: `vmix.switcher`."""
        return short_name(self.id)

    @property
    def all_signatures(self) -> tuple[str, ...]:
        return (self.signature,) if self.signature is not None else self.signatures
