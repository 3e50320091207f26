"""The `websocket` driver: JSON messages on one lasting connection a target (RFC 6455).

Two operations: `request` sends the template's message and awaits the reply with its number; `view` answers a read from
what the peer told of since a first look (see `view`). Promises beyond those of every lasting driver (`lasting.link`): a
message is numbered by the driver and never by a template, no compression is offered, no redirect is followed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.protocols import Validator

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Effect, Manifest
from infrafabric.kernel.words.things import Target
from infrafabric.transports.address import Pin
from infrafabric.transports.encoding import header_value
from infrafabric.transports.lasting.driver import Called, Exchanged, LastingDriver
from infrafabric.transports.lasting.listening import Subscribing
from infrafabric.transports.lasting.session import News
from infrafabric.transports.lasting.wire import OnEnd, OnEvent, Wire, dial
from infrafabric.transports.places import (
    Filling,
    Object,
    Showing,
    check_arguments,
    json_fault,
    later_results,
    secrets_in,
    template_fault,
)  # fmt: skip
from infrafabric.transports.schema import compile_schema
from infrafabric.transports.websocket.fits import fits
from infrafabric.transports.websocket.session import Asked, JsonSession
from infrafabric.transports.websocket.spec import (
    Send,
    Spec,
    compile_connection,
    constant_message,
    members,
    message_node,
    pattern,
    patterns,
    pointer,
)  # fmt: skip
from infrafabric.transports.websocket.view import TargetSaid, View, ViewSpec

__all__ = ["WebSocketDriver"]

_VIEW = frozenset({
    "subscribe", "event", "items", "key", "event_key", "event_value", "select", "barrier", "barrier_reply",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """One effect: the message of a request, or a view."""

    effect: str
    message: Object
    view: ViewSpec | None
    validators: Mapping[str, Validator]
    optional: frozenset[str]
    definite: tuple[Any, ...]
    """What a no holds that says for certain that nothing was done."""
    spec: Spec

    def fill(self, args: Mapping[str, Any], secrets: Mapping[str, str]) -> Mapping[str, Any]:
        """The message but for its id. Raises IF_ERR_EFFECT_ARGUMENT, IF_ERR_TARGET_SETTINGS."""
        check_arguments(self.effect, self.validators, self.optional, args, {})

        def secret(name: str) -> str:
            if name not in secrets:
                raise FabricError(Code.TARGET_SETTINGS, f"the effect {self.effect} needs the secret {name}")
            return secrets[name]

        filled: Mapping[str, Any] = Filling(self.effect, args, secret).json(self.message)
        try:
            dumps(filled)
        except FabricError:
            raise json_fault(self.effect, args) from None
        return filled


class WebSocketDriver(LastingDriver[Spec, Template]):
    """The driver of that name. Option: `ca_file`, a PEM file of further certificate authorities."""

    name = "websocket"
    schemes = ("ws", "wss")
    alpn = ("http/1.1",)

    # --- compiling
    def compile_opening(self, connection: Mapping[str, Any], manifest: Manifest) -> Spec:
        return compile_connection(connection)

    def compile_effects(self, manifest: Manifest, opening: Spec) -> Mapping[str, Template]:
        return {name: _template(name, effect, opening) for name, effect in manifest.effects.items()}

    def compile_signals(self, manifest: Manifest, opening: Spec) -> Subscribing:
        signals = manifest.signals
        assert signals is not None
        said = [
            constant_message(message, f"signals.subscribe.{number}", opening.id)
            for number, message in enumerate(signals.subscribe)
        ]
        news = [pattern(one, f"signals.news.{number}") for number, one in enumerate(signals.news)]

        def wanted(told: News, tickets: frozenset[int]) -> bool:
            mine = told.ticket is None or told.ticket in tickets or not said
            return mine and (not news or any(fits(one, told.value) for one in news))

        key = hashlib.sha256(dumps([said, news])).hexdigest()
        asked = tuple(Asked(message, opening.reply) for message in said)
        return Subscribing(f"signals:{key}", asked, (), opening.judge, wanted)

    def secrets_of(self, template: Template) -> frozenset[str]:
        return frozenset(secrets_in(template.message))

    # --- speaking
    async def dial(
        self, opening: Spec, pin: Pin, target: Target, secrets: Mapping[str, str], limit: int,
        on_event: OnEvent, on_end: OnEnd, deadline: float,
    ) -> Wire:  # fmt: skip
        filling = Filling("connection", {}, secrets.__getitem__)
        headers = [(name, filling.scalar(node, header_value) or "") for name, node in opening.headers]
        said = [filling.json(step.message) for step in opening.opening if isinstance(step, Send)]

        def make() -> JsonSession:
            return JsonSession(opening, pin.endpoint, headers, said, limit)

        return await dial(pin, self.tls(pin), make, on_event, on_end, deadline)

    async def exchange(self, called: Called[Template]) -> Exchanged:
        template, args = called.template, called.call.args
        limit = called.call.manifest.limits.answer_bytes
        message = template.fill(args, called.secrets)
        if template.view is not None:
            return await _look(called, template.view, limit)
        asked = Asked(message, template.spec.reply)
        reply = await called.link.ask(asked, called.course, limit=limit, sure=called.sure)
        problem = template.spec.judge(reply.value)
        sure = problem is None or any(fits(one, reply.value) for one in template.definite)
        return Exchanged({"reply": reply.value}, problem is None, problem or "", conclusive=sure)

    def shown(self, template: Template, args: Mapping[str, Any]) -> str:
        later = later_results(args)
        check_arguments(template.effect, template.validators, template.optional, args, later)
        shown_args = {**args, **{name: f"<result {reference}>" for name, reference in later.items()}}
        showing = Showing(template.effect, shown_args, lambda name: f"<secret {name}>", later)
        try:
            text = dumps(showing.json(template.message)).decode("utf-8")
        except FabricError:
            raise json_fault(template.effect, args) from None
        if template.view is None:
            return text
        keys = args.get(template.view.select)
        return f"view {text}" + (f"  of {', '.join(map(str, keys))}" if keys is not None else "")


async def _look(called: Called[Template], spec: ViewSpec, limit: int) -> Exchanged:
    link, name = called.link, called.call.target.name
    key = f"view:{spec.key}:{limit}"
    view = link.hearers.get(key)
    if not isinstance(view, View):
        view = link.hearers[key] = View(link, name, spec, called.template.spec, limit)
    try:
        items = await view.read(called.call.args.get(spec.select) if spec.select else None, called.course)
    except TargetSaid as said:
        return Exchanged({"items": {}}, False, str(said))
    return Exchanged({"items": items})


def _template(name: str, effect: Effect, spec: Spec) -> Template:
    for place in ("path", "query", "headers", "form", "provider_key"):
        if getattr(effect, place):
            raise template_fault(name, f"the websocket driver takes no {place}")
    if effect.operation not in ("request", "view"):
        raise template_fault(name, f"the operation {effect.operation[:40]!r} is neither request nor view")
    if (effect.operation == "view") != bool(effect.view):
        raise template_fault(name, "the operation view and the member view stand together")
    message = message_node(effect.body, f"effect {name}.json", spec.id)
    view = _view(name, effect, spec) if effect.view else None
    validators = {argument: compile_schema(schema, argument) for argument, schema in effect.arguments().items()}
    optional = frozenset(effect.optional) | ({view.select} if view is not None else set())
    reply = members(f"effect {name}.reply", effect.reply, frozenset({"definite"}))
    definite = patterns(reply["definite"], f"effect {name}.reply.definite") if reply else spec.definite
    return Template(name, message, view, validators, optional, definite, spec)


def _view(name: str, effect: Effect, spec: Spec) -> ViewSpec:
    where = f"effect {name}.view"
    given = members(
        where, effect.view, _VIEW, required=("subscribe", "event", "items", "key", "event_key", "event_value")
    )
    if ("barrier" in given) != ("barrier_reply" in given):
        raise template_fault(name, "barrier and barrier_reply stand together")
    if "barrier" in given:
        barrier = constant_message(given["barrier"], f"{where}.barrier", spec.id)
        barrier_reply = pattern(given["barrier_reply"], f"{where}.barrier_reply")
    elif spec.idle is not None:
        barrier, barrier_reply = spec.idle, spec.idle_reply
    else:
        raise template_fault(name, "a view needs a barrier, or a connection with idle and idle_reply")
    look = constant_message(effect.body, f"effect {name}.json", spec.id)
    subscribe = constant_message(given["subscribe"], f"{where}.subscribe", spec.id)
    select = given.get("select", {})
    arguments = list(effect.arguments())
    if not isinstance(select, Mapping) or list(select) != arguments or len(arguments) > 1:
        raise template_fault(name, "a view takes one argument at most, under select")
    for schema in select.values():
        strings = isinstance(schema.get("items"), Mapping) and schema["items"].get("type") == "string"
        if schema.get("type") != "array" or not strings:
            raise template_fault(name, "select takes an array of strings: the keys wanted")
    shape = {"json": look, "view": {key: item for key, item in given.items() if key != "select"}}
    return ViewSpec(
        hashlib.sha256(dumps(shape)).hexdigest(), look, subscribe, pattern(given["event"], f"{where}.event"),
        pointer(given["items"], f"{where}.items"), pointer(given["key"], f"{where}.key"),
        pointer(given["event_key"], f"{where}.event_key"), pointer(given["event_value"], f"{where}.event_value"),
        barrier, barrier_reply, arguments[0] if arguments else "",
    )  # fmt: skip
