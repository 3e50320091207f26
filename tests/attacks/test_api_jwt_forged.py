"""Bearer tokens that a provider did not make for this kernel, or not for now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from joserfc.jwk import RSAKey
from openid import Provider, believe, known_as, scripted_provider
from served import Served

from infrafabric.control.operator import OPERATOR


@pytest.fixture
def provider() -> Iterator[Provider]:
    with scripted_provider() as found:
        yield found


STRANGER = RSAKey.generate_key(2048, {"kid": "first"})

FORGED: dict[str, tuple[Callable[[Provider], str], str]] = {
    "alg none": (lambda it: it.unsigned("none", lambda said: b""), "IF_ERR_AUTH_INVALID"),
    "alg none, signature cut off": (lambda it: it.token().rsplit(".", 1)[0] + ".", "IF_ERR_AUTH_INVALID"),
    "HS256 with the public key": (lambda it: it.unsigned("HS256", it.by_public_key), "IF_ERR_AUTH_INVALID"),
    "another's key under the same kid": (lambda it: it.token(key=STRANGER), "IF_ERR_AUTH_INVALID"),
    "unknown kid": (lambda it: it.token({"kid": "invented"}), "IF_ERR_AUTH_INVALID"),
    "key in its own header": (
        lambda it: it.token({"jwk": STRANGER.as_dict(private=False)}, STRANGER),
        "IF_ERR_AUTH_INVALID",
    ),
    "wrong audience": (lambda it: it.token(aud="another-service"), "IF_ERR_AUTH_INVALID"),
    "audience like ours": (lambda it: it.token(aud="infrafabric-tests-2"), "IF_ERR_AUTH_INVALID"),
    "no audience": (lambda it: it.token(aud=None), "IF_ERR_AUTH_INVALID"),
    "another issuer": (lambda it: it.token(iss="https://id.example.org"), "IF_ERR_AUTH_INVALID"),
    "no subject": (lambda it: it.token(sub=None), "IF_ERR_AUTH_INVALID"),
    "subject that is no text": (lambda it: it.token(sub=["alice"]), "IF_ERR_AUTH_INVALID"),
    "expired": (lambda it: it.token(exp=int(time.time()) - 60), "IF_ERR_AUTH_EXPIRED"),
    "without expiry": (lambda it: it.token(exp=None), "IF_ERR_AUTH_INVALID"),
    "expiry that is true": (lambda it: it.token(exp=True), "IF_ERR_AUTH_INVALID"),
    "not yet valid": (lambda it: it.token(nbf=int(time.time()) + 600), "IF_ERR_AUTH_INVALID"),
    "algorithm that was not agreed": (lambda it: it.token({"alg": "PS256"}), "IF_ERR_AUTH_INVALID"),
    "claims exchanged": (
        lambda it: ".".join(
            (it.token().split(".")[0], it.token(sub="mallory").split(".")[1], it.token().split(".")[2])
        ),
        "IF_ERR_AUTH_INVALID",
    ),
    "ten times as long as any": (lambda it: it.token(note="x" * 200_000), "IF_ERR_HEADERS_TOO_LARGE"),
    "garbage": (lambda it: "a.b.c", "IF_ERR_AUTH_INVALID"),
}


@pytest.mark.parametrize("forged", FORGED)
async def test_it_opens_nothing(served: Served, provider: Provider, forged: str) -> None:
    believe(served, provider.issuer)
    for subject in ("alice", "mallory"):
        await known_as(served, provider.issuer, subject, OPERATOR)
    make, code = FORGED[forged]
    answer = await served.client(make(provider)).get("/v1/me")
    assert (answer.status_code in (401, 431), answer.json()["code"]) == (True, code), answer.text
    assert (await served.client(provider.token()).get("/v1/me")).status_code == 200
