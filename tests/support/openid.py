"""OpenID providers on loopback: a real small one, and one whose keys and tokens a test makes as it likes."""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jws, jwt
from joserfc.jwk import RSAKey
from served import Served

from infrafabric.control.api.service import Service
from infrafabric.control.door_settings import OidcSettings
from infrafabric.kernel.words.access import Identity
from infrafabric.kernel.words.names import new_trace_id

ANYTHING = jws.JWSRegistry(algorithms=["RS256", "PS256"], strict_check_header=False)
"""What a forger's library makes."""
AUDIENCE = "infrafabric-tests"


@contextmanager
def real_provider() -> Iterator[str]:
    """The issuer of a running oidc-provider-mock, in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", "0"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}
    ) as process:
        assert process.stderr is not None
        try:
            told = (re.search(r"running on (http://127\.0\.0\.1:\d+)", line) for line in process.stderr)
            yield next(match[1] for match in told if match is not None)
        finally:
            process.terminate()
            process.communicate()


def logged_in(issuer: str, subject: str, audience: str = AUDIENCE) -> str:
    """The ID token of one who went through the provider's authorization code flow."""
    back = "http://localhost/callback"
    asked = {"client_id": audience, "redirect_uri": back, "response_type": "code", "scope": "openid", "state": "s"}
    with httpx.Client() as client:
        agreed = client.post(f"{issuer}/oauth2/authorize", params=asked, data={"sub": subject})
        (code,) = parse_qs(urlsplit(agreed.headers["location"]).query)["code"]
        found = client.post(
            f"{issuer}/oauth2/token", auth=(audience, "any"),
            data={"grant_type": "authorization_code", "code": code, "redirect_uri": back},
        )  # fmt: skip
    return str(found.raise_for_status().json()["id_token"])


@dataclass
class Provider:
    """A provider that serves what the test says."""

    issuer: str = ""
    keys: dict[str, RSAKey] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    status: int = 200
    named: str | None = None
    """The issuer that its discovery document names, where that is another."""

    def rotate(self, kid: str) -> None:
        """A new key, in the place of all former ones."""
        self.keys = {kid: RSAKey.generate_key(2048, {"kid": kid})}

    def token(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A token that holds, but for what is said otherwise. A claim that is None is left out."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 600, **claims}
        kid = next(iter(self.keys))
        return jwt.encode(
            {"alg": "RS256", "kid": kid, **(header or {})}, {k: v for k, v in said.items() if v is not None},
            key or self.keys[kid], registry=ANYTHING,
        )  # fmt: skip

    def unsigned(self, algorithm: str, sign: Callable[[bytes], bytes]) -> str:
        """A token of an algorithm that no library makes any more: a forger needs none."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 600}
        header = {"alg": algorithm, "kid": next(iter(self.keys))}
        said = b".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        return b".".join((said, _base64url(sign(said)))).decode()

    def by_public_key(self, said: bytes) -> bytes:
        """What a forger has: the provider's public key, taken for a shared secret."""
        public = next(iter(self.keys.values())).as_pem(private=False)
        return hmac.digest(public, said, "sha256")


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@contextmanager
def scripted_provider() -> Iterator[Provider]:
    """A `Provider` that listens."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.fetched.append(self.path)
            if self.path == "/.well-known/openid-configuration":
                found: Any = {"issuer": provider.named or provider.issuer, "jwks_uri": f"{provider.issuer}/jwks"}
            else:
                found = {"keys": [key.as_dict(private=False) for key in provider.keys.values()]}
            content = json.dumps(found).encode()
            self.send_response(provider.status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        provider.rotate("first")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


def believe(served: Served, issuer: str, **more: Any) -> None:
    """Take the tokens of `issuer` from now on, as if the settings had said so from the start."""
    settings = served.house.settings
    oidc = OidcSettings(issuer=issuer, audience=AUDIENCE, **more)
    serve = settings.serve.model_copy(update={"oidc": (oidc,)})
    served.house.settings = settings.model_copy(update={"serve": serve})
    served.service.door = Service.of(served.house).door


async def known_as(served: Served, issuer: str, subject: str, talent: str) -> None:
    """Record that the subject is that talent."""
    owner = served.house.authority.talent(talent)
    value = Identity(issuer=issuer, subject=subject, talent=talent, tenant=owner.tenant)
    await served.house.record(served.house.operator(new_trace_id()).identity(value, "test"))
