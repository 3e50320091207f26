"""The `http` driver: effects over HTTP/1.1, to pinned addresses, one request an effect.

Promises: no redirect is followed, no cookie kept, no proxy or credential taken from the environment, nothing sent
twice. One deadline covers connecting, sending and reading. IF_ERR_TARGET_UNREACHABLE means that no byte of the request
left; after any other failure the effect may have happened. No message and no answer holds a secret that the redactor
knows.

It speaks through h11, the protocol core of httpx, with a pool of its own: a keep-alive call costs a fraction of
httpx's (benchmarks/http_driver.py), and only so is it certain whether anything was sent, and to which address.
"""

from __future__ import annotations

import re
import ssl
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import anyio

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Answer, DriverCall, Health, Signals
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import AddressClass, Target
from infrafabric.transports.address import Pin, Pins, Resolver, resolve_name
from infrafabric.transports.endpoint import Base, Endpoint, compile_base
from infrafabric.transports.http.answer import LATER, Body, answer_value, header, problem, retry_after
from infrafabric.transports.http.compiler import compile_template
from infrafabric.transports.http.connection import Connection, Disconnected, Head, Malformed, Pool
from infrafabric.transports.http.template import Request, Template
from infrafabric.transports.places import show
from infrafabric.transports.tls import Tls

__all__ = ["HttpDriver"]

KEEPALIVE_S = 4.0
"""How long an idle connection is kept. Common servers close theirs after 5 s; closing first avoids the race."""
FRESH_S = 1.0
"""How long a connection may have rested to carry a write that must not be sent twice."""
_NO_PEER = frozenset({
    Code.TARGET_UNREACHABLE, Code.TARGET_TIMEOUT, Code.TARGET_LOST, Code.ADDRESS_CHANGED, Code.ADDRESS_REFUSED,
    Code.ANSWER_INVALID,
})  # fmt: skip
"""Codes after which a target counts as down."""
MAX_COMPILED = 256
MAX_SHOWN = 2_000
_KEEPALIVE_HINT = re.compile(rb"timeout\s*=\s*(\d{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Compiled:
    manifest: Manifest
    base: Base
    effects: Mapping[str, Template]


class HttpDriver:
    """The driver of that name. Options: `keepalive_s`, and `ca_file`, a PEM file of further certificate authorities."""

    name = "http"

    def __init__(self, context: DriverContext, resolver: Resolver = resolve_name) -> None:
        """Raises IF_ERR_SETTINGS_INVALID for options that are unknown or useless."""
        options = dict(context.options)
        self._redactor = context.redactor
        self._keepalive_s = _keepalive(options.pop("keepalive_s", KEEPALIVE_S))
        ca_file = options.pop("ca_file", None)
        if options:
            raise FabricError(Code.SETTINGS_INVALID, f"drivers.http has no setting {min(options)!r}")
        self._tls = Tls(self.name, ca_file, ["http/1.1"])
        self._pins = Pins(resolver)
        self._pools: dict[tuple[str, Endpoint, tuple[AddressClass, ...]], Pool] = {}
        self._compiled: OrderedDict[int, _Compiled] = OrderedDict()
        self._health: dict[str, Health] = {}

    def check(self, manifest: Manifest) -> None:
        compiled = self._compile(manifest)
        if manifest.connection:
            raise FabricError(Code.MANIFEST_INVALID, "the http driver takes no connection: each request stands alone")
        if manifest.signals is not None and manifest.signals.driver in (None, self.name):
            raise FabricError(
                Code.MANIFEST_INVALID, "signals need a driver that listens: no server speaks unasked over http"
            )
        for template in compiled.effects.values():
            if unknown := template.secrets - set(manifest.requires.secrets):
                raise FabricError(
                    Code.MANIFEST_INVALID,
                    f"effect {template.effect} uses the secret {min(unknown)}, which requires.secrets does not name",
                )

    async def address(self, manifest: Manifest, target: Target) -> Mapping[str, Any]:
        endpoint = self._compile(manifest).base.fill(target.name, target.settings)
        limit = min(manifest.limits.timeout_s, target.timeout_s or manifest.limits.timeout_s)
        try:
            with anyio.fail_after(limit):
                pin = await self._pins.resolve(endpoint, target)
        except TimeoutError:
            raise FabricError(
                Code.TARGET_UNREACHABLE, f"target {target.name}: {endpoint.host} did not resolve within {limit:g} s"
            ) from None
        return pin.profile()

    def describe(self, call: DriverCall) -> str:
        compiled = self._compile(call.manifest)
        template = _effect(compiled, call)
        endpoint = compiled.base.fill(call.target.name, call.target.settings)
        path, rest = template.describe(call.args)
        line = self._redactor.redact(f"{template.method} {endpoint}{path}  {rest}".rstrip())
        if len(line) > MAX_SHOWN:
            return f"{line[:MAX_SHOWN]}… ({len(line) - MAX_SHOWN} more characters)"
        return line

    async def perform(self, call: DriverCall, secrets: Mapping[str, str]) -> Answer:
        began = time.perf_counter()
        try:
            compiled = self._compile(call.manifest)
            request = _effect(compiled, call).build(call.args, secrets, call.provider_key)
            endpoint = compiled.base.fill(call.target.name, call.target.settings)
            head, body = await self._exchange(call, endpoint, request)
            value = answer_value(head, body, self._redactor)
            ok = 200 <= head.status < 300
            said = "" if ok else problem(head, value, self._redactor)
            took = (time.perf_counter() - began) * 1000
            known = Health("refused", said, took) if head.status == 401 else Health("up", latency_ms=took)
            self._health[call.target.name] = known
            return Answer(
                value,
                ok,
                said,
                conclusive=head.status < 500,
                later=head.status in LATER,
                retry_after=retry_after(head, datetime.now(UTC)) if head.status in LATER else None,
                elapsed_ms=(time.perf_counter() - began) * 1000,
            )
        except FabricError as error:
            failure = FabricError(
                error.code, self._redactor.redact(error.message), remedy=error.remedy, retry_after=error.retry_after
            )
        except Exception as error:
            failure = FabricError(
                Code.INTERNAL, f"the http driver failed on {call.target.name}: {type(error).__name__}"
            )
        if failure.code in _NO_PEER:
            self._health[call.target.name] = Health("down", failure.message)
        # Raised here, outside the handlers, it carries no context: an inner exception may hold the request.
        raise failure

    def signals(
        self, manifest: Manifest, target: Target, secrets: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Signals] | None:
        return None  # a server speaks when it is spoken to

    def health(self) -> Mapping[str, Health]:
        return dict(self._health)

    async def check_health(self, manifest: Manifest, target: Target, secrets: Mapping[str, str]) -> Health:
        """Connect, over TLS where the base says so. No request is made: none is known to alter nothing."""
        began = time.perf_counter()
        limit = min(manifest.limits.timeout_s, target.timeout_s or manifest.limits.timeout_s)
        try:
            endpoint = self._compile(manifest).base.fill(target.name, target.settings)
            with anyio.fail_after(limit):
                pin = await self._pins.resolve(endpoint, target)
                connection = await self._pool(pin, target).take(0.0, time.monotonic() + limit)
            connection.abort()
            found = Health("up", latency_ms=(time.perf_counter() - began) * 1000)
        except FabricError as error:
            found = Health("down", self._redactor.redact(error.message))
        except TimeoutError:
            found = Health("down", f"no connection within {limit:g} s")
        except ssl.SSLCertVerificationError as error:
            found = Health("down", f"its certificate is not trusted ({error.verify_message})")
        except OSError as error:
            found = Health("down", error.strerror or type(error).__name__)
        self._health[target.name] = found
        return found

    async def forget(self, target: str) -> None:
        """Drop the pins and connections of a target, so that the next use resolves and pins anew."""
        self._health.pop(target, None)
        self._pins.drop(target)
        for key in [key for key in self._pools if key[0] == target]:
            await self._pools.pop(key).close()

    async def close(self) -> None:
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.close()

    async def _exchange(self, call: DriverCall, endpoint: Endpoint, request: Request) -> tuple[Head, bytes]:
        target = call.target
        limit = min(call.timeout_s, target.timeout_s or call.timeout_s)
        deadline = time.monotonic() + limit
        connection: Connection | None = None
        done = False
        try:
            with anyio.fail_after(limit):
                pin = self._pins.get(endpoint, target) or await self._pins.resolve(endpoint, target)
                pool = self._pool(pin, target)
                connection = await pool.take(self._idle_s(call), deadline)
                head = await connection.send(
                    request.method, endpoint.prefix + request.target, _headers(pin, request), request.body
                )
                _refuse_redirect(head, target)
                body = Body(target.name, head, call.manifest.limits.answer_bytes)
                async for chunk in connection.body():
                    body.feed(chunk)
                data = body.finish()
                done = True
                pool.give(connection, _keepalive_hint(head))
                return head, data
        except TimeoutError:
            if connection is not None and connection.sent:
                raise FabricError(
                    Code.TARGET_TIMEOUT, f"target {target.name} did not answer within {limit:g} s"
                ) from None
            raise _unreachable(target, endpoint, f"no connection within {limit:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise _unreachable(
                target, endpoint, f"its certificate is not trusted ({error.verify_message})",
                "Check the name and the certificate's dates; give a private authority as drivers.http.ca_file.",
            ) from None  # fmt: skip
        except OSError as error:
            raise _unreachable(target, endpoint, error.strerror or type(error).__name__) from None
        except Disconnected:
            if connection is not None and connection.sent:
                raise FabricError(
                    Code.TARGET_LOST, f"target {target.name} closed the connection before its answer was complete"
                ) from None
            raise _unreachable(target, endpoint, "it closed the connection") from None
        except Malformed as error:
            raise FabricError(
                Code.ANSWER_INVALID, f"target {target.name} answered with what is not HTTP ({error})"
            ) from None
        finally:
            if connection is not None and not done:
                connection.abort()

    def _idle_s(self, call: DriverCall) -> float:
        effect = call.manifest.effects[call.effect]
        return self._keepalive_s if effect.is_read or effect.repeatable else min(FRESH_S, self._keepalive_s)

    def _pool(self, pin: Pin, target: Target) -> Pool:
        key = (target.name, pin.endpoint, target.allow_addresses)
        pool = self._pools.get(key)
        if pool is None or pool.pin is not pin:
            context = self._tls.context() if pin.endpoint.tls else None
            pool = self._pools[key] = Pool(pin, context, self._keepalive_s)
        return pool

    def _compile(self, manifest: Manifest) -> _Compiled:
        """Compiled once for as long as the manifest is in use; holding it keeps its id from being another's."""
        compiled = self._compiled.get(id(manifest))
        if compiled is None:
            if manifest.driver != self.name:
                raise FabricError(Code.MANIFEST_INVALID, f"{manifest.name} is for the driver {manifest.driver}")
            effects = {name: compile_template(name, effect) for name, effect in manifest.effects.items()}
            compiled = self._compiled[id(manifest)] = _Compiled(manifest, compile_base(manifest.base), effects)
            if len(self._compiled) > MAX_COMPILED:
                self._compiled.popitem(last=False)
        return compiled


def _effect(compiled: _Compiled, call: DriverCall) -> Template:
    template = compiled.effects.get(call.effect)
    if template is None:
        raise FabricError(Code.EFFECT_UNKNOWN, f"{call.manifest.name} declares no effect {call.effect[:48]!r}")
    return template


def _headers(pin: Pin, request: Request) -> list[tuple[str, str]]:
    headers = [
        ("host", pin.endpoint.authority),
        ("user-agent", "infrafabric"),
        ("accept-encoding", "gzip, deflate"),
        *request.headers,
    ]
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        headers.append(("content-length", str(len(request.body))))
    return headers


def _refuse_redirect(head: Head, target: Target) -> None:
    location = header(head, b"location")
    if 300 <= head.status < 400 and location:
        try:
            host = urlsplit(location.decode("latin-1")).netloc.rpartition("@")[2] or "a path of its own"
        except ValueError:
            host = "an address that is none"
        raise FabricError(
            Code.REDIRECT_REFUSED, f"target {target.name} answered {head.status}, a redirect to {show(host[:100])}"
        )


def _unreachable(target: Target, endpoint: Endpoint, why: str, remedy: str | None = None) -> FabricError:
    return FabricError(Code.TARGET_UNREACHABLE, f"target {target.name} at {endpoint.authority}: {why}", remedy=remedy)


def _keepalive_hint(head: Head) -> float:
    """Seconds for which the peer keeps the connection, less one; KEEPALIVE_S where it does not say."""
    hint = _KEEPALIVE_HINT.search(header(head, b"keep-alive"))
    return KEEPALIVE_S if hint is None else int(hint[1]) - 1.0


def _keepalive(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 600:
        raise FabricError(Code.SETTINGS_INVALID, "drivers.http.keepalive_s is a number of seconds from 0 to 600")
    return float(value)
