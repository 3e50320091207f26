"""What drivers on lasting connections share: compiling once, one link a target and spec, errors, health, signals.

A driver derives from `LastingDriver` and gives

- `name`, `schemes`, and `compile_effects`, `compile_opening`, `compile_signals`: pure, IF_ERR_MANIFEST_INVALID for what
  it could not perform;
- `dial`: connect and be let in (most call `wire.dial` with a `Session`);
- `exchange`: what one call asks, over `link.ask(request, course, …)`, and the value that comes of it;
- `shown`: the request as an approver reads it.

The rest is here: addresses are pinned and checked as everywhere (`address.Pins`), secrets are masked in answers,
messages and health, one deadline covers a call, and no error leaves that does not say by its code whether something was
sent. Options of every such driver: `ca_file`.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Answer, DriverCall, Health, Signals
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import Target
from infrafabric.transports.address import Pin, Pins, Resolver, resolve_name
from infrafabric.transports.endpoint import Base, Endpoint, compile_base
from infrafabric.transports.jsonanswer import seen_aside
from infrafabric.transports.lasting.called import Called, Exchanged, O, Opening, T
from infrafabric.transports.lasting.link import Course, Link
from infrafabric.transports.lasting.listening import Listening, Subscribing, listen
from infrafabric.transports.lasting.wire import OnEnd, OnEvent, Wire
from infrafabric.transports.places import show
from infrafabric.transports.tls import Tls

__all__ = ["Called", "Exchanged", "LastingDriver", "Opening"]

MAX_COMPILED = 256
MAX_SHOWN = 2_000
MAX_PROBLEM = 300


@dataclass(frozen=True, slots=True)
class _Spoken(Generic[O, T]):
    """A compiled manifest of this driver, or (without effects) what a manifest's signals ask of it."""

    manifest: Manifest
    base: Base
    opening: O
    effects: Mapping[str, T]
    subscribing: Subscribing | None


class LastingDriver(ABC, Generic[O, T]):
    """A `kernel.ports.Driver`. `O` is its compiled connection, `T` its compiled effect."""

    name: str
    schemes: ClassVar[tuple[str, ...]]
    alpn: ClassVar[tuple[str, ...]] = ()

    def __init__(self, context: DriverContext, resolver: Resolver = resolve_name) -> None:
        """Raises IF_ERR_SETTINGS_INVALID for options that are unknown or useless."""
        options = dict(context.options)
        self.redactor = context.redactor
        self._tls = Tls(self.name, options.pop("ca_file", None), self.alpn)
        if options:
            raise FabricError(Code.SETTINGS_INVALID, f"drivers.{self.name} has no setting {min(options)!r}")
        self._pins = Pins(resolver)
        self._links: dict[tuple[Any, ...], Link] = {}
        self._keys: dict[tuple[Any, ...], bytes] = {}
        self._compiled: OrderedDict[tuple[int, bool], _Spoken[O, T]] = OrderedDict()
        self._failed: dict[str, Health] = {}
        """Targets to which not even a connection was tried: their address was refused."""
        self._forgotten: dict[str, int] = {}
        """How often each target was forgotten: what was begun before it makes no connection after it."""
        self._closed = False

    # --- what a driver gives
    @abstractmethod
    def compile_effects(self, manifest: Manifest, opening: O) -> Mapping[str, T]: ...

    @abstractmethod
    def compile_opening(self, connection: Mapping[str, Any], manifest: Manifest) -> O: ...

    @abstractmethod
    def compile_signals(self, manifest: Manifest, opening: O) -> Subscribing:
        """What `manifest.signals` asks for, over a connection that is opened so."""

    @abstractmethod
    async def dial(
        self, opening: O, pin: Pin, target: Target, secrets: Mapping[str, str], limit: int,
        on_event: OnEvent, on_end: OnEnd, deadline: float,
    ) -> Wire:  # fmt: skip
        """Connect and be let in; see `wire.Dial`. `limit` is the largest message in bytes, `self.tls(pin)` the TLS
        context or None."""

    @abstractmethod
    async def exchange(self, called: Called[T]) -> Exchanged:
        """Check the arguments (IF_ERR_EFFECT_ARGUMENT), ask, and read the answer. Cancelled at the deadline."""

    @abstractmethod
    def shown(self, template: T, args: Mapping[str, Any]) -> str:
        """The request as a person reads it, secrets masked. Raises IF_ERR_EFFECT_ARGUMENT. Pure."""

    def compile_for_base(self, base: Base) -> None:
        """Refuse a base that this driver could not use."""

    def secrets_of(self, template: T) -> frozenset[str]:
        """The secrets that a template takes."""
        return frozenset()

    # --- kernel.ports.Driver
    def check(self, manifest: Manifest) -> None:
        """For a manifest of this driver, and for one whose signals come over it."""
        if manifest.driver == self.name:
            spoken = self._speak(manifest)
            for name, template in spoken.effects.items():
                if unknown := self.secrets_of(template) - set(manifest.requires.secrets):
                    raise FabricError(
                        Code.MANIFEST_INVALID,
                        f"effect {name} uses the secret {min(unknown)}, which requires.secrets does not name",
                    )
            _check_opening(spoken.opening, manifest)
        if manifest.signals is not None and (manifest.signals.driver or manifest.driver) == self.name:
            _check_opening(self._speak(manifest, signals=True).opening, manifest)

    async def address(self, manifest: Manifest, target: Target) -> Mapping[str, Any]:
        endpoint = self._speak(manifest).base.fill(target.name, target.settings)
        limit = _limit(manifest.limits.timeout_s, target)
        try:
            async with asyncio.timeout(limit):
                pin = await self._pins.resolve(endpoint, target)
        except TimeoutError:
            raise FabricError(
                Code.TARGET_UNREACHABLE, f"target {target.name}: {endpoint.host} did not resolve within {limit:g} s"
            ) from None
        return pin.profile()

    def describe(self, call: DriverCall) -> str:
        spoken = self._speak(call.manifest)
        endpoint = spoken.base.fill(call.target.name, call.target.settings)
        said = show(self.shown(_effect(spoken, call), call.args))
        line = self.redactor.redact(f"{endpoint}  {said}".rstrip())
        return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}… ({len(line)} characters)"

    async def perform(self, call: DriverCall, secrets: Mapping[str, str]) -> Answer:
        began = time.perf_counter()
        limit = _limit(call.timeout_s, call.target)
        course = Course(limit)
        try:
            spoken = self._speak(call.manifest)
            template = _effect(spoken, call)
            async with asyncio.timeout(limit):
                link = await self._link(spoken, call.target, secrets)
                called = Called(call, call.manifest.effects[call.effect], template, secrets, link, course)
                came = await self.exchange(called)
            return Answer(
                await seen_aside(came.value, call.target.name, call.manifest.limits.answer_bytes, self.redactor),
                ok=came.ok,
                problem=_line(self.redactor.redact(came.problem)),
                conclusive=came.conclusive,
                elapsed_ms=(time.perf_counter() - began) * 1000,
            )
        except FabricError as error:
            failure = self._clean(error)
        except TimeoutError:
            if course.sent:
                failure = FabricError(
                    Code.TARGET_TIMEOUT, f"target {call.target.name} did not answer within {limit:g} s"
                )
            else:
                failure = FabricError(
                    Code.TARGET_UNREACHABLE, f"target {call.target.name}: nothing could be sent within {limit:g} s"
                )
        except Exception as error:
            failure = FabricError(
                Code.INTERNAL, f"the {self.name} driver failed on {call.target.name}: {type(error).__name__}"
            )
        # Raised here, outside the handlers, it carries no context: an inner exception may hold the request.
        raise failure

    def signals(
        self, manifest: Manifest, target: Target, secrets: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Signals] | None:
        """None where the manifest has none, or where the target lacks a setting that they need. Raises
        IF_ERR_MANIFEST_INVALID."""
        if manifest.signals is None:
            return None
        spoken = self._speak(manifest, signals=True)
        if not (spoken.base.settings | spoken.opening.settings) <= target.settings.keys():
            return None
        subscribing = spoken.subscribing
        assert subscribing is not None
        limit = _limit(manifest.limits.timeout_s, target)

        async def entering() -> AbstractAsyncContextManager[Signals]:
            began = time.monotonic()
            try:
                async with asyncio.timeout(limit):
                    link = await self._link(spoken, target, secrets)
            except TimeoutError:
                raise FabricError(
                    Code.TARGET_UNREACHABLE, f"target {target.name}: nothing could be asked within {limit:g} s"
                ) from None
            left = max(0.0, limit - (time.monotonic() - began))
            return listen(link, target.name, subscribing, left, self._clean)

        return Listening(entering, self._clean)

    def health(self) -> Mapping[str, Health]:
        found = dict(self._failed)
        for (target, *_), link in sorted(self._links.items(), key=lambda item: item[1].used_at):
            found[target] = self._redacted(link.health())
        return found

    async def check_health(self, manifest: Manifest, target: Target, secrets: Mapping[str, str]) -> Health:
        limit = _limit(manifest.limits.timeout_s, target)
        try:
            async with asyncio.timeout(limit):
                link = await self._link(self._speak(manifest), target, secrets)
                await link.live(limit)
            return self._redacted(link.health())
        except FabricError as error:
            state = "refused" if error.code is Code.TARGET_AUTH else "down"
            return Health("refused" if state == "refused" else "down", _line(self.redactor.redact(error.message)))
        except TimeoutError:
            return Health("down", f"no connection within {limit:g} s")

    async def forget(self, target: str) -> None:
        self._failed.pop(target, None)
        self._pins.drop(target)
        self._forgotten[target] = self._forgotten.get(target, 0) + 1
        gone = [key for key in self._links if key[0] == target]
        links = [self._links.pop(key) for key in gone]  # all at once: others come while these are closed
        for key in gone:
            del self._keys[key]
        await asyncio.gather(*(link.close() for link in links))

    async def close(self) -> None:
        self._closed = True
        links, self._links = self._links, {}
        self._keys.clear()
        await asyncio.gather(*(link.close() for link in links.values()))

    # --- links
    def tls(self, pin: Pin) -> Any:
        """The context for connections to that pin; None over plaintext."""
        return self._tls.context() if pin.endpoint.tls else None

    async def _link(self, spoken: _Spoken[O, T], target: Target, secrets: Mapping[str, str]) -> Link:
        """The connection for that manifest's spec; made anew where the secrets that opened it are others now."""
        endpoint = spoken.base.fill(target.name, target.settings)
        opening, manifest = spoken.opening, spoken.manifest
        needed = {name: _secret(name, target, secrets) for name in sorted(opening.secrets)}
        settings = {name: _setting(name, target) for name in sorted(opening.settings)}
        key = (target.name, endpoint, opening.key, target.allow_addresses, tuple(settings.items()))
        told = hashlib.sha256(dumps(needed)).digest()
        link = self._links.get(key)
        forgotten = self._forgotten.get(target.name)
        if link is not None and self._keys[key] != told:
            del self._links[key], self._keys[key]
            await link.close()
            link = self._links.get(key)
        if link is None:
            pin = self._pins.get(endpoint, target) or await self._pinned(endpoint, target)
            most = manifest.limits.answer_bytes  # the link raises it where others may read more

            async def dial(on_event: OnEvent, on_end: OnEnd, deadline: float) -> Wire:
                found = self._pins.get(endpoint, target) or await self._pins.resolve(endpoint, target)
                return await self.dial(opening, found, target, needed, most, on_event, on_end, deadline)

            if self._closed or self._forgotten.get(target.name) != forgotten:
                self._failed.pop(target.name, None)
                self._pins.drop(target.name)
                raise FabricError(Code.TARGET_UNREACHABLE, f"target {target.name}: it was changed meanwhile")
            link = self._links.get(key)  # another call may have made it while the name was looked up
            if link is None:
                limit = _limit(manifest.limits.timeout_s, target)
                backoff = manifest.limits.backoff
                link = Link(target.name, pin.endpoint.authority, dial, backoff, limit, most)
                self._links[key], self._keys[key] = link, told
        link.allow(manifest.limits.answer_bytes, _limit(manifest.limits.timeout_s, target))
        self._failed.pop(target.name, None)
        return link

    async def _pinned(self, endpoint: Endpoint, target: Target) -> Pin:
        try:
            return await self._pins.resolve(endpoint, target)
        except FabricError as error:
            self._failed[target.name] = Health("down", _line(self.redactor.redact(error.message)))
            raise

    def _speak(self, manifest: Manifest, *, signals: bool = False) -> _Spoken[O, T]:
        """Compiled once for as long as the manifest is in use; holding it keeps its id from being another's."""
        spoken = self._compiled.get((id(manifest), signals))
        if spoken is None:
            spoken = self._compile_signals(manifest) if signals else self._compile(manifest)
            self._compiled[id(manifest), signals] = spoken
            if len(self._compiled) > MAX_COMPILED:
                self._compiled.popitem(last=False)
        return spoken

    def _compile(self, manifest: Manifest) -> _Spoken[O, T]:
        if manifest.driver != self.name:
            raise FabricError(Code.MANIFEST_INVALID, f"{manifest.name} is for the driver {manifest.driver}")
        base = compile_base(manifest.base, self.schemes)
        self.compile_for_base(base)
        opening = self.compile_opening(manifest.connection, manifest)
        return _Spoken(manifest, base, opening, self.compile_effects(manifest, opening), None)

    def _compile_signals(self, manifest: Manifest) -> _Spoken[O, T]:
        signals = manifest.signals
        if signals is None or (signals.driver or manifest.driver) != self.name:
            raise FabricError(Code.MANIFEST_INVALID, f"{manifest.name} has no signals over the driver {self.name}")
        own = manifest.driver == self.name
        base = compile_base(signals.base or manifest.base, self.schemes)
        self.compile_for_base(base)
        connection = signals.connection or (manifest.connection if own else {})
        opening = self.compile_opening(connection, manifest)
        return _Spoken(manifest, base, opening, {}, self.compile_signals(manifest, opening))

    def _clean(self, error: FabricError) -> FabricError:
        message = show(self.redactor.redact(error.message))
        return FabricError(error.code, message, remedy=error.remedy, retry_after=error.retry_after)

    def _redacted(self, health: Health) -> Health:
        return Health(health.state, _line(self.redactor.redact(health.detail)), health.latency_ms, health.reconnects)


def _effect(spoken: _Spoken[Any, T], call: DriverCall) -> T:
    template = spoken.effects.get(call.effect)
    if template is None:
        raise FabricError(Code.EFFECT_UNKNOWN, f"{call.manifest.name} declares no effect {call.effect[:48]!r}")
    return template


def _check_opening(opening: Opening, manifest: Manifest) -> None:
    requires = manifest.requires
    if unknown := opening.secrets - set(requires.secrets):
        raise FabricError(
            Code.MANIFEST_INVALID, f"connection uses the secret {min(unknown)}, which requires.secrets does not name"
        )
    if unknown := opening.settings - {*requires.settings, *requires.optional}:
        raise FabricError(
            Code.MANIFEST_INVALID, f"connection uses the setting {min(unknown)}, which requires does not name"
        )


def _limit(timeout_s: float, target: Target) -> float:
    return min(timeout_s, target.timeout_s or timeout_s)


def _secret(name: str, target: Target, secrets: Mapping[str, str]) -> str:
    if name not in secrets:
        raise FabricError(Code.TARGET_SETTINGS, f"target {target.name}: opening the connection needs the secret {name}")
    return secrets[name]


def _setting(name: str, target: Target) -> str:
    if name not in target.settings:
        raise FabricError(Code.TARGET_SETTINGS, f"target {target.name}: the setting {name} is missing")
    return target.settings[name]


def _line(text: str) -> str:
    return show(" ".join(text.split())[:MAX_PROBLEM])
