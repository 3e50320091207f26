"""The `obs` driver: requests of obs-websocket 5 over one lasting connection a target, through simpleobsws.

An answer is `{"code", "response"}`: the status code of the protocol and the response's data, `{}` where there is none;
of a batch `{"code", "responses": [{"code", "response"}, …]}`. Where OBS says no, `comment` has its words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import Target
from infrafabric.transports.address import Pin
from infrafabric.transports.lasting.driver import Called, Exchanged, LastingDriver
from infrafabric.transports.lasting.listening import Subscribing
from infrafabric.transports.lasting.session import News
from infrafabric.transports.lasting.wire import OnEnd, OnEvent, Wire
from infrafabric.transports.obs.protocol import EVENTS, INCONCLUSIVE, SUCCESS, status_name
from infrafabric.transports.obs.template import Batch, Template, compile_template
from infrafabric.transports.places import Secret, scalar_node

__all__ = ["ObsDriver", "ObsOpening"]


@dataclass(frozen=True, slots=True)
class ObsOpening:
    """How a connection is opened: with a password, or without."""

    password: Secret | None

    @property
    def key(self) -> str:
        return json.dumps([self.password.name, self.password.prefix] if self.password is not None else None)

    @property
    def secrets(self) -> frozenset[str]:
        return frozenset() if self.password is None else frozenset({self.password.name})

    @property
    def settings(self) -> frozenset[str]:
        return frozenset()


class ObsDriver(LastingDriver[ObsOpening, Template]):
    """The driver of that name. Option: `ca_file`, for OBS behind a proxy with TLS (`obss`)."""

    name = "obs"
    schemes = ("obs", "obss")

    def compile_effects(self, manifest: Manifest, opening: ObsOpening) -> Mapping[str, Template]:
        return {name: compile_template(name, effect) for name, effect in manifest.effects.items()}

    def compile_opening(self, connection: Mapping[str, Any], manifest: Manifest) -> ObsOpening:
        if unknown := set(connection) - {"password"}:
            raise FabricError(Code.MANIFEST_INVALID, f"the obs driver's connection has no {min(unknown)!r}")
        if "password" not in connection:
            return ObsOpening(None)
        password = scalar_node("connection", "password", connection["password"])
        if not isinstance(password, Secret):
            raise FabricError(Code.MANIFEST_INVALID, "connection.password is {secret: NAME}")
        return ObsOpening(password)

    def compile_signals(self, manifest: Manifest, opening: ObsOpening) -> Subscribing:
        assert manifest.signals is not None
        if manifest.signals.subscribe:
            raise FabricError(Code.MANIFEST_INVALID, "signals.subscribe is empty: OBS tells of everything by itself")
        for name in manifest.signals.news:
            if name not in EVENTS:
                raise FabricError(Code.MANIFEST_INVALID, f"signals.news: {str(name)[:60]!r} is no event of OBS's")
        names = frozenset(manifest.signals.news)

        def wanted(news: News, tickets: frozenset[int]) -> bool:
            return not names or news.value in names

        return Subscribing(f"news {sorted(names)}", (), (), lambda value: None, wanted)

    async def dial(
        self, opening: ObsOpening, pin: Pin, target: Target, secrets: Mapping[str, str], limit: int,
        on_event: OnEvent, on_end: OnEnd, deadline: float,
    ) -> Wire:  # fmt: skip
        from infrafabric.transports.obs.client import dial  # what it imports is heavy, and an extra

        password = opening.password
        said = password.prefix + secrets[password.name] if password is not None else ""
        return await dial(pin, self.tls(pin), said, limit, on_event, on_end, deadline)

    async def exchange(self, called: Called[Template]) -> Exchanged:
        target = called.call.target.name
        request = called.template.build(called.call.args, called.secrets)
        if isinstance(request, Batch) and not request.requests:
            return Exchanged({"code": SUCCESS, "responses": []})
        reply = await called.link.ask(request, called.course, sure=called.sure)
        if isinstance(request, Batch):
            if len(reply.value) != len(request.requests):
                raise FabricError(Code.ANSWER_INVALID, f"target {target} did not answer all requests of a batch")
            responses = [_response(part, target) for part in reply.value]
            return Exchanged({"code": SUCCESS, "responses": responses})
        value = _response(reply.value, target)
        status = reply.value.requestStatus
        if status.result:
            return Exchanged(value)
        problem = status_name(value["code"]) + (f": {status.comment}" if status.comment else "")
        return Exchanged(value, False, problem, conclusive=value["code"] not in INCONCLUSIVE)

    def shown(self, template: Template, args: Mapping[str, Any]) -> str:
        return template.describe(args)

    def secrets_of(self, template: Template) -> frozenset[str]:
        return template.secrets


def _response(answer: Any, target: str) -> dict[str, Any]:
    """simpleobsws's RequestResponse as JSON. Raises IF_ERR_ANSWER_INVALID for what is not of the protocol's types."""
    status, data = answer.requestStatus, answer.responseData
    fits = type(status.code) is int and type(status.result) is bool and isinstance(data, (dict, type(None)))
    if not fits or not isinstance(status.comment, (str, type(None))):
        raise FabricError(Code.ANSWER_INVALID, f"target {target} answered with fields of other types than OBS's")
    value: dict[str, Any] = {"code": status.code, "response": data or {}}
    if not status.result and status.comment:
        value["comment"] = status.comment
    return value
