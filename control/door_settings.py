"""Settings of the doors: what `ifctl up` serves, to whom, and how much it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["MessageSettings", "OidcSettings", "Section", "ServeSettings", "SloSettings", "TelemetrySettings"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _whole(text: str) -> str:
    if text and not text.startswith("/") and text[1:3] not in (":\\", ":/"):
        raise ValueError("is no whole path")
    return text


FilePath = Annotated[str, Field(max_length=4_096), AfterValidator(_whole)]


def _secure(text: str) -> str:
    if not text.startswith("https://") and urlsplit(text).hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("is neither https nor of this machine")
    return text


Url = Annotated[str, Field(pattern=r"^https?://[^\s/]{1,300}[^\s]{0,500}$")]


class OidcSettings(Section):
    """`[[serve.oidc]]`: an OpenID provider whose bearer tokens are taken."""

    issuer: Annotated[Url, AfterValidator(_secure)]
    """As the tokens' `iss` has it, to the letter; its keys are found by OpenID Connect Discovery. https, or an address
    of this machine."""
    audience: Annotated[str, Field(min_length=1, max_length=500)]
    """What `aud` must hold: a token made for another service is none for this one."""
    algorithms: Annotated[tuple[Literal["RS256", "PS256", "ES256", "EdDSA"], ...], Field(min_length=1)] = (
        "RS256",
        "ES256",
    )
    """Signatures that are taken: what the provider uses, and never a shared secret or none."""
    leeway_s: Annotated[float, Field(ge=0, le=300)] = 30.0
    """Seconds that the provider's clock may be off."""


class ServeSettings(Section):
    """`[serve]`: `ifctl up`, its HTTP API and its console."""

    host: Annotated[str, Field(pattern=r"^[0-9A-Za-z.:-]{1,253}$")] = "127.0.0.1"
    """Address to listen on. Anything but loopback needs TLS."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_400
    """0 takes a free one, which is told at the start."""
    tls_certificate: FilePath = ""
    """PEM file of the certificate and its chain."""
    tls_key: FilePath = ""
    """PEM file of its private key."""
    names: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}(:[0-9]{1,5})?$")], ...] = ()
    """Host names by which the kernel may be called beyond loopback's own: a request for any other is refused, so that
    no page can reach it under a name of its own (DNS rebinding)."""
    administer: bool | None = None
    """Whether the kernel keeps the operator's key at hand, so that callers who may administer can change talents,
    grants, budgets, policies and the like. Unset: in a development home only."""
    open_log: bool = False
    """Whether the public files of the log (checkpoint, tiles) may be read without credentials. They hold no names."""
    body_bytes: Annotated[int, Field(ge=1_024, le=64 << 20)] = 1 << 20
    """Bytes of a request's body; a bundle that is uploaded may have 16 times as many."""
    header_bytes: Annotated[int, Field(ge=4_096, le=256 << 10)] = 32 << 10
    """Bytes of a request's line and headers together."""
    slow_s: Annotated[float, Field(gt=0, le=600)] = 15.0
    """Seconds in which a request's headers, and then each further part of its body, must arrive."""
    connections: Annotated[int, Field(ge=8, le=100_000)] = 2_048
    """Connections at once, event streams included."""
    streams_each: Annotated[int, Field(ge=1, le=100_000)] = 1_100
    """Event streams that one talent may hold open."""
    requests_rps: Annotated[float, Field(gt=0, le=1_000_000)] = 5_000
    """Requests a second of one credential. Acting has the governor's limits beside."""
    requests_burst: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Requests of one credential at once."""
    refused_rps: Annotated[float, Field(gt=0, le=10_000)] = 5
    """Requests a second of one address whose credentials do not hold: few enough that guessing is hopeless."""
    refused_burst: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Such requests at once: a script with an old key is told so more than once."""
    signature_s: Annotated[float, Field(gt=0, le=3_600)] = 300.0
    """Seconds that a signed request (RFC 9421) is taken after it was made; its nonce is remembered as long."""
    session_s: Annotated[float, Field(ge=60, le=30 * 86_400)] = 12 * 3_600.0
    """Seconds that a console session lasts: a shift."""
    session_idle_s: Annotated[float, Field(ge=60, le=30 * 86_400)] = 2 * 3_600.0
    """Seconds without a request after which a session ends: nobody sits at it."""
    link_s: Annotated[float, Field(ge=10, le=86_400)] = 600.0
    """Seconds that a one-time console link can be used."""
    stop_s: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    """Seconds that a stopping kernel waits for requests in hand. Writes in hand are always finished."""
    oidc: tuple[OidcSettings, ...] = ()
    """OpenID providers whose tokens are taken, each a table `[[serve.oidc]]`."""


class MessageSettings(Section):
    """`[messages]`: IF.connect envelopes."""

    bytes: Annotated[int, Field(ge=1_024, le=256 << 10)] = 64 << 10
    """Bytes of one envelope: it is kept whole in an entry, which holds 1 MiB."""
    skew_s: Annotated[float, Field(ge=0, le=3_600)] = 30.0
    """Seconds by which a sender's clock may be ahead or behind."""
    longest_ttl_s: Annotated[int, Field(ge=1, le=30 * 86_400)] = 86_400
    """Longest time to live that is taken: nonces are remembered for so long."""
    nonces_each: Annotated[int, Field(ge=16, le=10_000_000)] = 100_000
    """Nonces remembered of one sender; when they are full, messages of that sender wait for the oldest to expire."""
    sender_rps: Annotated[float, Field(gt=0, le=100_000)] = 200
    """Messages a second of one sender, counted once its signature holds. What requests ask for has the governor's
    limits beside."""
    sender_burst: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Messages of one sender at once."""
    streams_each: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Message streams (WebSocket) of one address at once."""


class SloSettings(Section):
    """`[slo]`: service levels that the metrics page measures against."""

    decision_s: Annotated[float, Field(gt=0, le=3_600)] = 15.0
    """Seconds to a decision, people included, for the share of `decision_share`."""
    decision_share: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Decisions that come within that time."""
    sandbox_share: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Guest runs that end without a fault of the sandbox."""
    adapter_share: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Actions that end as their adapter said."""


class TelemetrySettings(Section):
    """`[telemetry]`: OpenTelemetry traces. Nothing is exported unless an endpoint is named."""

    endpoint: Annotated[str, Field(pattern=r"^(https?://[^\s]{1,500})?$")] = ""
    """OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`."""
    headers: Mapping[str, str] = {}
    """Headers for the collector, each a reference to a secret."""
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of traces that is sampled where the caller did not decide."""
